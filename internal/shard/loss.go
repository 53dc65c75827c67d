package shard

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// listedAfter is by how many beats after its claim a worker must list a run:
// one may be on its way already, one is a margin.
const listedAfter = 3

// observe takes what the beats say of the workers: it frees what the lost
// ones held and learns where there is room.
func (s *Shard) observe(in Beats, now time.Time) {
	s.surveyed = true
	s.workers = make(map[string]*worker, len(in.Workers))
	for _, m := range in.Workers {
		if m.Role == member.RoleWorker {
			s.workers[m.ID] = &worker{Member: m}
		}
	}
	maps.DeleteFunc(s.claimed, func(id string, _ time.Time) bool { return s.workers[id] == nil })
	s.learnRoom()
	s.wakeWaiting(now)
	s.wakeBackfills(now)
	s.withdraw(in, now)
	s.takeFromLost(now)
}

// takeFromLost takes the runs from workers that no longer count as holding
// them.
func (s *Shard) takeFromLost(now time.Time) {
	unseen, heard := s.unseen, s.heard
	s.unseen, s.heard = map[run.Key]int{}, map[run.Key]time.Time{}
	for _, e := range s.held() {
		for _, id := range unfinished(e.st, (*Active).held) {
			a := e.st.find(id)
			if a == nil {
				continue
			}
			if a.State == run.StateStarted {
				s.heard[a.key()] = s.lastHeard(a, heard[a.key()])
			}
			var reason string
			if patience := s.doubt(a); patience > 0 {
				s.unseen[a.key()] = unseen[a.key()] + 1
				if s.unseen[a.key()] >= patience {
					reason = run.ReasonWorkerLost
				}
			} else {
				reason = s.lostBy(a)
			}
			if reason != "" {
				s.lose(e, a, reason, now)
			}
		}
	}
}

// lastHeard is the latest beat of the life that holds a, known being the one
// before.
func (s *Shard) lastHeard(a *Active, known time.Time) time.Time {
	if w := s.workers[a.Holder]; w != nil && w.Incarnation == a.Incarnation {
		return latest(known, w.At)
	}
	return known
}

// onlyAnnounced reports whether a's start was announced and nothing was heard
// of its worker since a was due: it may never have started.
func (s *Shard) onlyAnnounced(a *Active) bool {
	at := s.heard[a.key()]
	return !at.IsZero() && at.Before(a.NotBefore)
}

// lives reports whether the latest beats know that life of that worker.
func (s *Shard) lives(id string, incarnation int64) bool {
	w := s.workers[id]
	return w != nil && w.Incarnation == incarnation && w.Status == member.StatusLive
}

// held reports whether a worker has the run in its hands.
func (a *Active) held() bool { return a.State == run.StateClaimed || a.State == run.StateStarted }

// held returns the jobs of which a worker holds runs, by name: few of those
// that are busy, after a burst.
func (s *Shard) held() []*entry {
	var held []*entry
	for _, b := range s.busy {
		if slices.ContainsFunc(b.st.Active, func(a Active) bool { return a.held() }) {
			held = append(held, b.entry)
		}
	}
	slices.SortFunc(held, func(a, b *entry) int { return strings.Compare(a.name, b.name) })
	return held
}

// precedes reports whether the beats were read before a's holder claimed it:
// the claims of a new worker, or of one that was silent, may overtake its
// beats, and nothing said before can speak of them.
func (s *Shard) precedes(a *Active) bool {
	w := s.workers[a.Holder]
	return w == nil || w.Incarnation < a.Incarnation ||
		w.Incarnation == a.Incarnation && w.Seq < a.Beat && a.State == run.StateClaimed
}

// doubt is in how many surveys in a row the beats may know nothing of the life
// that holds a before it counts as lost, zero where they do.
func (s *Shard) doubt(a *Active) int {
	switch {
	case !s.precedes(a):
		if s.workers[a.Holder].Incarnation > a.Incarnation {
			return member.ReplacedSurveys
		}
		return 0
	case a.State == run.StateStarted:
		return member.WorkerGone
	}
	return member.WorkerSilent
}

// lostBy says why a's holder no longer counts as holding it, or nothing.
func (s *Shard) lostBy(a *Active) string {
	w := s.workers[a.Holder]
	switch {
	case w.Status == member.StatusGone || w.Status == member.StatusLeft:
		return run.ReasonWorkerLost
	case w.Status == member.StatusSilent && a.State == run.StateClaimed:
		return run.ReasonWorkerLost
	case w.Status == member.StatusLive && w.Seq >= a.Beat+listedAfter && w.lacks(a):
		return run.ReasonNotHeld
	}
	return ""
}

// lose takes a from a worker that is gone: what had not started is placed
// anew, what had goes as on_lost says.
func (s *Shard) lose(e *entry, a *Active, reason string, now time.Time) {
	s.touch(e)
	if a.State == run.StateStarted && s.onlyAnnounced(a) {
		reason = run.ReasonAnnounced
	}
	ev := s.about(e, a, run.EventLost)
	ev.Reason, ev.State = reason, a.State
	s.event(ev, now)
	switch {
	case a.State == run.StateStarted:
		s.retryLost(e, a, &run.Outcome{State: run.StateLost, ExitCode: -1, Reason: reason}, now)
	case a.Cancel != "" || a.Recall != "":
		s.dropped(e, a, a.Recall, now)
	default:
		s.placeAnew(e, a, now)
	}
	s.arm(e)
}

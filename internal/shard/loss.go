package shard

import (
	"maps"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// listedAfter is by how many beats after its claim a worker must list a run:
// one may be on its way already, one is a margin.
const listedAfter = 3

// observe takes what the beats say of the workers: it frees what the lost
// ones held and learns where there is room.
func (s *Shard) observe(workers []member.Member, now time.Time) {
	s.workers = make(map[string]*worker, len(workers))
	for _, m := range workers {
		if m.Role == member.RoleWorker {
			s.workers[m.ID] = &worker{Member: m}
		}
	}
	s.learnRoom()
	for _, name := range slices.Sorted(maps.Keys(s.busy)) {
		e := s.busy[name]
		for _, a := range slices.Clone(e.st.Active) {
			if a.Holder == "" || a.State != run.StateClaimed && a.State != run.StateStarted {
				continue
			}
			if reason := s.lostBy(&a); reason != "" {
				s.lose(e, e.st.find(a.ID), reason, now)
			}
		}
	}
}

// lostBy says why a's holder no longer counts as holding it, or nothing.
func (s *Shard) lostBy(a *Active) string {
	w := s.workers[a.Holder]
	switch {
	case w == nil || w.Incarnation > a.Incarnation || w.Status == member.StatusGone || w.Status == member.StatusLeft:
		return run.ReasonWorkerLost
	case w.Status == member.StatusSilent && a.State == run.StateClaimed:
		return run.ReasonWorkerLost
	case w.Status == member.StatusLive && w.Seq >= a.Beat+listedAfter && !w.holds(a.key()):
		return run.ReasonNotHeld
	}
	return ""
}

// lose takes a from a worker that is gone: what had not started is placed
// anew, what had goes as on_lost says.
func (s *Shard) lose(e *entry, a *Active, reason string, now time.Time) {
	s.touch(e)
	ev := s.about(e, a, run.EventLost)
	ev.Reason, ev.State = reason, a.State
	s.event(ev, now)
	switch {
	case a.State == run.StateStarted:
		s.retryLost(e, a, &run.Outcome{State: run.StateLost, ExitCode: -1, Reason: reason}, now)
	case a.Cancel != "":
		s.end(e, a, run.Event{State: run.StateCancelled, Reason: a.Cancel}, now)
	case a.Recall != "":
		s.dropped(e, a, a.Recall, now)
	default:
		s.placeAnew(e, a, now)
	}
	s.arm(e, now)
}

package shard

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// A run on a queue is in nobody's hands, so that nobody answers when it is
// asked back. The shard withdraws it: it writes the recall, waits until every
// worker that might still claim the run must have read that recall before it
// may start anything, reads all events of that time, and then takes the run
// for its own again.
const (
	// overdueAfter is how long after its time a run may stay on its queue
	// before it counts as late. patientFor is for how long it stays with a
	// worker that claims others: queues move on in their order, and a worker
	// that has much to do is not helped by handing the same runs out again.
	overdueAfter = 3 * time.Second
	patientFor   = 15 * time.Second
	// maxMoves bounds how often patientFor doubles for a run that was moved in
	// vain: to two hours.
	maxMoves = 9
	// recallTakes is from a recall until no worker starts what was recalled.
	recallTakes = member.ControlFresh + time.Second
	// absentSurveys is after how many surveys without a worker of its cluster a
	// late run is taken off its queue.
	absentSurveys = 10
	// refreshAfter hands a run out anew before its record leaves the topic,
	// which keeps it for seven days.
	refreshAfter = 24 * time.Hour
	// longestWait ends what waits for a worker and no policy ends.
	longestWait = 7 * 24 * time.Hour
)

// withdrawals is what the shard follows of runs on queues. None of it outlives
// an owner: the next one begins to wait anew. Each map holds unfinished runs,
// or jobs that have some, and nothing else.
type withdrawals struct {
	// late are the runs that are on their queue beyond their time.
	late map[run.Key]*entry
	// asked is since when a recall of a run on a queue is known to be written.
	asked map[run.Key]time.Duration
	// placed is with whom this owner placed each run on a queue, stuck the workers
	// that let one lie there.
	placed map[run.Key]string
	stuck  map[string]bool
	// moves counts how often each run was taken off a queue because it lay there.
	moves map[run.ID]int
	// claimed is when each worker last took something off a queue.
	claimed map[string]time.Time
	// absent counts the surveys in a row without a worker for a queue.
	absent map[queueKey]int
	// recalled are the jobs with runs that were asked back from a queue,
	// waiting those with runs that wait for a worker.
	recalled, waiting map[string]*entry
}

func newWithdrawals() withdrawals {
	return withdrawals{
		late: map[run.Key]*entry{}, asked: map[run.Key]time.Duration{}, placed: map[run.Key]string{},
		stuck: map[string]bool{}, claimed: map[string]time.Time{}, moves: map[run.ID]int{}, absent: map[queueKey]int{}, recalled: map[string]*entry{}, waiting: map[string]*entry{},
	}
}

// follow keeps recalled and waiting current with e.
func (w *withdrawals) follow(e *entry) {
	delete(w.recalled, e.name)
	delete(w.waiting, e.name)
	for i := range e.st.Active {
		switch a := &e.st.Active[i]; {
		case a.State == run.StateQueued && (a.Recall != "" || a.Cancel != ""):
			w.recalled[e.name] = e
		case a.State == run.StateWaiting && a.Waits != "":
			w.waiting[e.name] = e
		}
	}
}

// overdueAt is when a run on a queue counts as late.
func (a *Active) overdueAt() time.Time { return latest(a.NotBefore, a.Staged).Add(overdueAfter) }

// noteLate notes which of e's runs are late.
func (s *Shard) noteLate(e *entry, now time.Time) {
	for i := range e.st.Active {
		if a := &e.st.Active[i]; a.State == run.StateQueued && !now.Before(a.overdueAt()) {
			s.late[a.key()] = e
		}
	}
}

// withdraw asks late runs back for which something better is known, and takes
// those for its own that nobody can start any more.
func (s *Shard) withdraw(in Beats, now time.Time) {
	s.askLate(now)
	asked := s.asked
	s.asked = make(map[run.Key]time.Duration, len(asked))
	for _, name := range slices.Sorted(maps.Keys(s.recalled)) {
		e := s.recalled[name]
		for _, id := range unfinished(e.st, func(a *Active) bool {
			return a.State == run.StateQueued && (a.Recall != "" || a.Cancel != "")
		}) {
			a := e.st.find(id)
			if a == nil {
				continue
			}
			since, known := asked[a.key()]
			switch {
			case !known:
				s.asked[a.key()] = in.Now
			case in.Asked < since+recallTakes:
				s.asked[a.key()] = since
			default:
				s.withdrawn(e, a, now)
			}
		}
	}
}

// withdrawn takes a, which nobody can start any more, off its queue.
func (s *Shard) withdrawn(e *entry, a *Active, now time.Time) {
	s.touch(e)
	ev := s.about(e, a, run.EventWithdrawn)
	ev.Reason = cmp.Or(a.Cancel, a.Recall)
	s.event(ev, now)
	s.dropped(e, a, a.Recall, now)
	s.arm(e)
}

// askLate asks back the late runs that are better off elsewhere.
func (s *Shard) askLate(now time.Time) {
	absent := s.absent
	s.absent = map[queueKey]int{}
	for _, key := range slices.SortedFunc(maps.Keys(s.late), compareKeys) {
		e := s.late[key]
		a := e.st.active(key)
		if a == nil || a.State != run.StateQueued || a.Recall != "" || a.Cancel != "" || e.def == nil {
			delete(s.late, key)
			continue
		}
		q := queueKey{a.Cluster, queueOf(a.Attempt)}
		if len(s.byQueue[q]) == 0 {
			s.absent[q] = absent[q] + 1
		}
		if reason := s.betterOff(a, q, now); reason != "" {
			s.touch(e)
			s.recall(e, a, reason, now)
			delete(s.late, key)
			s.arm(e)
		}
	}
}

func compareKeys(a, b run.Key) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Fence, b.Fence))
}

// betterOff is why the late run a had better not stay on its queue, or empty.
func (s *Shard) betterOff(a *Active, q queueKey, now time.Time) string {
	if s.absent[q] >= absentSurveys {
		return run.ReasonNoWorker
	}
	if now.Sub(a.Staged) >= refreshAfter && !a.Staged.IsZero() {
		return run.ReasonUnclaimed
	}
	with := s.placed[a.key()]
	patient := now.Before(a.overdueAt().Add(patientFor << min(s.moves[a.ID], maxMoves)))
	if busy := with == "" || now.Sub(s.claimed[with]) < overdueAfter; busy && patient {
		return ""
	}
	for i := range s.byQueue[q] {
		// Where patience has an end the record may be gone: then the same
		// worker will do.
		if p := &s.byQueue[q][i]; p.left > 0 && (!patient || p.worker != with && !s.stuck[p.worker]) {
			p.left--
			s.moves[a.ID]++
			if with != "" && p.worker != with {
				s.stuck[with] = true
			}
			return run.ReasonUnclaimed
		}
	}
	return ""
}

// settled forgets what was followed of a while it lay on its queue.
func (s *Shard) settled(a *Active) {
	delete(s.placed, a.key())
	delete(s.moves, a.ID)
}

// handsOutAnew reports whether a run that was asked back for that reason is to
// be started by somebody else.
func handsOutAnew(reason string) bool {
	return reason == run.ReasonUnclaimed || reason == run.ReasonNoWorker
}

// hold keeps a run, whose time has come, off the queues: no worker of its
// cluster lives, or nothing can be written there.
func (s *Shard) hold(e *entry, a *Active, reason string, now time.Time) {
	a.wait(reason)
	a.Cluster = e.rulesFor(a).Cluster
	ev := s.about(e, a, run.EventDeferred)
	ev.Trigger, ev.NotBefore, ev.Hops, ev.Reason = a.Trigger, a.NotBefore.UTC(), a.Hops, a.Waits
	s.event(ev, now)
}

// unreachable reports whether a waits for a worker and there is still none.
func (s *Shard) unreachable(e *entry, a *Active) bool {
	return a.Waits != "" && e.def != nil && (!s.surveyed || s.whyHeld(queueKey{e.rulesFor(a).Cluster, queueOf(a.Attempt)}) != "")
}

// patience is how long a may wait for a worker: as long as its due time would
// be caught up, if it was never handed out.
func (e *entry) patience(a *Active) time.Duration {
	if a.Attempt == 1 && (a.Trigger == run.TriggerSchedule || a.Trigger == run.TriggerCatchUp) {
		return e.reach()
	}
	return longestWait
}

// wakeWaiting has the jobs decided anew whose runs a worker can take now.
func (s *Shard) wakeWaiting(now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(s.waiting)) {
		e := s.waiting[name]
		if slices.ContainsFunc(e.st.Active, func(a Active) bool {
			return a.State == run.StateWaiting && a.Waits != "" && !s.unreachable(e, &a)
		}) {
			s.wakes.set(e, now)
		}
	}
}

// maxUnfinished is how many runs of e may wait or be under way.
func (e *entry) maxUnfinished() int { return cmp.Or(e.def.MaxUnfinished, job.MaxUnfinished) }

package shard

import (
	"cmp"
	"slices"

	"github.com/belfry-cron/belfry/internal/run"
)

// maxStride is by how much more than the last the number of a decision can be:
// steps without events lie between two that have some.
const maxStride = 1 << 40

// Replay takes the next event of the log at take-over, from ReplayFrom on,
// after the states and before any Step. Reports are put in where the last
// owner took them, which each of its own events says (Read): it may have
// decided something else before a report that stands further up in the log.
// Reports may come in any order, as long as one that an event's Read covers
// comes before it.
func (s *Shard) Replay(r run.Logged) {
	if r.Event.Type.FromWorker() {
		i, _ := slices.BinarySearchFunc(s.unplayed, r.Offset, func(u run.Logged, at int64) int { return cmp.Compare(u.Offset, at) })
		s.unplayed = slices.Insert(s.unplayed, i, r)
		return
	}
	if r.Event.Step == 0 {
		return // written by a release that kept all in the states
	}
	if r.Event.Read > r.Offset || r.Event.Step > s.step+maxStride {
		return // no owner can have written it
	}
	s.step = max(s.step, r.Event.Step)
	s.read = max(s.read, r.Event.Read)
	s.playReports(r.Event.Read)
	if e := s.job(r.Event.Job); e != nil && r.Event.Step > e.st.Step {
		e.st.replay(&r.Event)
		s.soil(e)
	}
}

// EndReplay ends it. The shard record says that the last owner had come to
// read in events, and that the log was replayed from from. EndReplay returns
// where the events go on: reports from there on are yet to be acted on.
func (s *Shard) EndReplay(read, from int64) int64 {
	s.read = max(s.read, read)
	s.playReports(s.read)
	s.unplayed = nil
	s.point.from = from
	for _, e := range s.point.dirty {
		s.noteBusy(e)
		s.close(e)
	}
	s.closeOpened()
	return s.read
}

// playReports takes the reports below offset until.
func (s *Shard) playReports(until int64) {
	for len(s.unplayed) > 0 && s.unplayed[0].Offset < until {
		r := s.unplayed[0]
		s.unplayed = s.unplayed[1:]
		e := s.job(r.Event.Job)
		if e == nil || r.Offset < e.st.Read {
			continue
		}
		a := e.st.concerns(&r.Event)
		if a == nil {
			continue
		}
		if _, ok := r.Event.Final(); ok {
			e.st.succeed(a, &r.Event)
			s.soil(e)
		} else if a.note(&r.Event) {
			s.soil(e)
		}
	}
}

// replay makes st what the shard that wrote ev had made of it.
func (st *JobState) replay(ev *run.Event) {
	switch ev.Type {
	case run.EventEnqueued:
		a := st.begun(ev)
		a.NotBefore, a.Attempt, a.Fence, a.Hops, a.Cluster = ev.NotBefore, ev.Attempt, ev.Fence, ev.Hops, ev.Cluster
		a.queued(ev.At)
		st.Fence = max(st.Fence, ev.Fence)
	case run.EventDeferred:
		if run.HeldBack(ev.Reason) {
			a := st.begun(ev)
			a.NotBefore, a.Attempt, a.Cluster, a.Hops = ev.NotBefore, ev.Attempt, ev.Cluster, ev.Hops
			a.wait(ev.Reason)
			break
		}
		st.reach(ev)
		st.Deferred = append(st.Deferred, Deferred{ID: ev.Run, Due: ev.Due, Trigger: ev.Trigger})
	case run.EventSkipped:
		if !st.undefer(ev.Run) {
			st.reach(ev)
		}
	case run.EventRecalling:
		if a := st.find(ev.Run); a != nil {
			a.ask(ev.Reason, ev.State == run.StateCancelled)
		}
	case run.EventRetrying:
		if a := st.find(ev.Run); a != nil {
			a.await(ev.Attempt+1, ev.NotBefore)
		}
	case run.EventEnded:
		if st.find(ev.Run) == nil && !st.undefer(ev.Run) {
			st.reach(ev) // it was too late to be enqueued at all
		}
		st.remember(Summary{ID: ev.Run, Due: ev.Due, State: ev.State, Attempts: ev.Attempt, EndedAt: ev.At})
		st.remove(ev.Run)
	case run.EventBackfill:
		if b := st.backfill(ev.Backfill); b != nil && ev.Progress != nil {
			b.Progress = *ev.Progress
			if p := ev.Progress; p.Phase == run.PhaseDone || p.Phase == run.PhaseCancelled && p.Unfinished() == 0 {
				st.dropBackfill(ev.Backfill)
			}
		}
	case run.EventLost, run.EventLate, run.EventWithdrawn, run.EventDiscarded, // what follows from these has events of its own
		run.EventClaimed, run.EventStarting, run.EventFinished, run.EventReturned, run.EventDropped:
	}
}

// reach moves Through to the due times that ev, on scheduled ones, decided.
func (st *JobState) reach(ev *run.Event) {
	switch ev.Trigger {
	case run.TriggerManual, run.TriggerRequeue, run.TriggerReplay, run.TriggerBackfill:
	case run.TriggerSchedule, run.TriggerCatchUp, "":
		st.Through = latest(st.Through, latest(ev.Due, ev.Through))
	}
}

// begun returns the unfinished run that ev enqueues, made if it is new.
func (st *JobState) begun(ev *run.Event) *Active {
	if a := st.find(ev.Run); a != nil {
		return a
	}
	a := Active{ID: ev.Run, Due: ev.Due, Trigger: ev.Trigger, Backfill: ev.Backfill}
	if i := slices.IndexFunc(st.Deferred, func(d Deferred) bool { return d.ID == ev.Run }); i >= 0 {
		a.Own = st.Deferred[i].Own
	}
	if !st.undefer(ev.Run) {
		st.reach(ev)
		st.handedOut(ev)
	}
	return st.insert(a)
}

// undefer forgets that the run waits for another, and reports whether it did.
func (st *JobState) undefer(id run.ID) bool {
	i := slices.IndexFunc(st.Deferred, func(d Deferred) bool { return d.ID == id })
	if i < 0 {
		return false
	}
	st.Deferred = slices.Delete(slices.Clone(st.Deferred), i, i+1)
	return true
}

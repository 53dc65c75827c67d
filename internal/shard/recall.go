package shard

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// recallAll asks back the runs of e that a change of its job takes back, and
// returns the earliest due time of those.
func (s *Shard) recallAll(e *entry, reason string, now time.Time) (earliest time.Time, found bool) {
	for _, id := range unfinished(e.st, func(a *Active) bool { return takenBack(a, reason, now) }) {
		a := e.st.find(id)
		if a == nil {
			continue
		}
		if !found || a.Due.Before(earliest) {
			earliest, found = a.Due, true
		}
		switch {
		case a.State != run.StateWaiting:
			s.recall(e, a, reason, now)
		case reason == run.ReasonDeleted:
			s.endUnstarted(e, a, reason, now)
		default: // stands on no queue: looked at again when its time comes
		}
	}
	return earliest, found
}

// takenBack reports whether a is one of those that a change of its job takes
// back. An edit does so with what is not due yet, a pause with what would not
// start yet, and a deletion with all that has not started.
func takenBack(a *Active, reason string, now time.Time) bool {
	scheduled := a.Attempt == 1 && a.Trigger == run.TriggerSchedule
	switch {
	case a.State == run.StateStarted || a.Cancel != "":
		return false
	case reason == run.ReasonDeleted:
		return true
	case reason == run.ReasonPaused:
		return scheduled && a.NotBefore.After(now)
	}
	return scheduled && a.Due.After(now)
}

// recall asks for a run that stands on a queue or is held.
func (s *Shard) recall(e *entry, a *Active, reason string, now time.Time) {
	a.ask(reason, false)
	s.out.Control = append(s.out.Control, run.Control{
		Type: run.ControlRecall, At: now.UTC(), Cluster: a.Cluster, Run: a.ID, Fence: a.Fence, Reason: reason,
	})
	ev := s.about(e, a, run.EventRecalling)
	ev.Reason = reason
	s.event(ev, now)
}

// reopen returns the newest due time that stays decided when what is due from
// first on is decided anew by a definition that counts from since on.
func (s *Shard) reopen(e *entry, first, since, now time.Time) time.Time {
	if e.st.Through.Sub(now) > s.cfg.Lead {
		return e.st.Through // the clock was set back: what lies ahead was due once
	}
	if e.sched == nil {
		return now.UTC() // what was due before is not known any more
	}
	through := since
	for due, ok := e.sched.Next(since); ok && due.Before(first); due, ok = e.sched.Next(due) {
		through = due
	}
	// That definition may have decided nothing yet: the run that is asked back can
	// be of one before it.
	return earliest(through, latest(e.st.Through, since))
}

// revise holds the runs that stand on no queue yet against the new
// definition of their job.
func (s *Shard) revise(e *entry, now time.Time) {
	for _, id := range unfinished(e.st, func(a *Active) bool {
		return a.State == run.StateWaiting && takenBack(a, run.ReasonEdited, now)
	}) {
		if a := e.st.find(id); a != nil {
			s.reconsider(e, a, run.ReasonEdited, now)
		}
	}
}

// reconsider decides what becomes of a first attempt that will not start as
// it was handed out: it waits for its time again, if its job as it now stands
// names its due time and its catch-up policy still covers it.
func (s *Shard) reconsider(e *entry, a *Active, reason string, now time.Time) {
	if !e.names(a.Due) || now.Sub(a.NotBefore) > e.reach() {
		s.endUnstarted(e, a, reason, now)
		return
	}
	if excluded := e.except.Reason(a.Due); excluded != "" {
		s.endUnstarted(e, a, excluded, now)
		return
	}
	s.write(e)
	a.wait("")
	a.NotBefore = a.Due.Add(jitter(e.def.Jitter, a.ID))
	a.Yields = a.Yields || reason == run.ReasonOverlap || len(e.st.Deferred) > 0 && a.Due.After(now)
	s.beginDeferred(e, now)
	s.stageWaiting(e, now)
}

// reach is how late a due time of e may be that is run all the same.
func (e *entry) reach() time.Duration {
	if e.def == nil || e.def.CatchUp.Policy == job.CatchUpNone {
		return grace
	}
	return max(grace, e.def.CatchUp.Window)
}

// names reports whether the job's schedule names that due time.
func (e *entry) names(due time.Time) bool {
	if e.sched == nil {
		return false
	}
	named, ok := e.sched.Next(due.Add(-time.Nanosecond))
	return ok && named.Equal(due)
}

// endUnstarted ends a without a start of its latest attempt.
func (s *Shard) endUnstarted(e *entry, a *Active, reason string, now time.Time) {
	switch {
	case a.Cancel != "":
		s.end(e, a, run.Event{State: run.StateCancelled, Reason: a.Cancel}, now)
	case a.Attempt == 1:
		s.end(e, a, run.Event{State: run.StateSkipped, Reason: reason}, now)
	case reason == run.ReasonDeleted:
		s.end(e, a, run.Event{State: run.StateCancelled, Reason: reason}, now)
	default:
		s.giveUp(e, a, nil, reason, now)
	}
}

// undefined is why nothing can be handed out for a job without a definition.
func (e *entry) undefined() string {
	if e.unreadable {
		return run.ReasonInvalidJob
	}
	return run.ReasonDeleted
}

package shard

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// grace is how late a due time may be decided without counting as
	// missed: as long as a take-over takes, with room to spare.
	grace = 10 * time.Second
	// maxWalk bounds the due times of one job looked at in one Step.
	maxWalk = 10_000
	// maxBurst bounds the runs of one job enqueued in one Step.
	maxBurst = 500
)

// paused reports whether due times of e are skipped for now.
func (e *entry) paused() bool { return e.st.Paused || e.def.Paused }

// next is the first undecided due time.
func (e *entry) next() (time.Time, bool) {
	if e.sched == nil {
		return time.Time{}, false
	}
	return e.sched.Next(e.st.Through)
}

// deferred reports whether due, the next due time, must wait for its instant to
// be decided, since what becomes of it depends on what happens until then. That
// holds for all that are not run: an edit may decide anew what lies ahead, and
// the ledger must not name a due time twice.
func (e *entry) deferred(due time.Time) bool {
	return e.skips(due) != "" || e.st.others() >= e.maxUnfinished() || e.def.Overlap != job.OverlapAllow && len(e.st.Active) > 0
}

// decidable is from when on due, the next due time of e, may be decided.
func (s *Shard) decidable(e *entry, due time.Time) time.Time {
	if e.deferred(due) {
		return due
	}
	return due.Add(-s.cfg.Lead)
}

// arm sets when e is next looked at: never before all definitions are known,
// nor while its own cannot be read.
func (s *Shard) arm(e *entry) {
	var wake time.Time
	if !s.loaded || e.aside != "" || e.def == nil && e.unreadable {
		s.wakes.set(e, wake)
		return
	}
	earlier := func(t time.Time) {
		if wake.IsZero() || t.Before(wake) {
			wake = t
		}
	}
	if e.over() {
		earlier(e.forgetAt())
	}
	if due, ok := e.next(); e.def != nil && ok {
		earlier(s.decidable(e, due))
	}
	if len(e.st.Backfills) > 0 && s.backfillsReady(e) {
		earlier(time.Unix(0, 1)) // at once
	}
	for i := range e.st.Active {
		switch a := &e.st.Active[i]; a.State {
		case run.StateWaiting:
			earlier(s.stageAt(e, a))
		case run.StateQueued:
			if s.late[a.key()] == nil {
				earlier(a.overdueAt())
			}
		case run.StateClaimed, run.StateStarted, run.StateSucceeded, run.StateFailed, run.StateTimedOut,
			run.StateCancelled, run.StateLost, run.StateSkipped, run.StateDead:
		}
	}
	s.wakes.set(e, wake)
}

// advance decides all of e that has come within reach.
func (s *Shard) advance(e *entry, now time.Time) {
	s.stageWaiting(e, now)
	s.noteLate(e, now)
	if e.def == nil {
		return
	}
	if s.decideMissed(e, now, now) {
		return // more were missed than one Step looks at
	}
	defer s.advanceBackfills(e, now)
	for range maxBurst {
		due, ok := e.next()
		if !ok || s.decidable(e, due).After(now) {
			return
		}
		e.st.Through = due
		s.decide(e, due, run.TriggerSchedule, now)
	}
}

// decide settles one due time: it is enqueued, deferred or skipped.
func (s *Shard) decide(e *entry, due time.Time, trigger run.Trigger, now time.Time) {
	id := run.NewID(e.st.Job, due, "")
	if e.st.knows(id) {
		s.write(e)
		return // staged before an edit: the answer to its recall decides
	}
	if reason := e.skips(due); reason != "" {
		s.skip(e, span{due, due, 1}, reason, now)
		return
	}
	s.admit(e, Deferred{ID: id, Due: due, Trigger: trigger}, now)
}

// skips is why a due time of e is not run whatever else holds, or empty.
func (e *entry) skips(due time.Time) string {
	if e.paused() {
		return run.ReasonPaused
	}
	return e.except.Reason(due)
}

// span is a row of consecutive due times of one job.
type span struct {
	first, last time.Time
	count       int
}

func (sp *span) add(due time.Time) {
	if sp.count == 0 {
		sp.first = due
	}
	sp.last = due
	sp.count++
}

// skip writes into the ledger that the span's due times are not run.
func (s *Shard) skip(e *entry, sp span, reason string, now time.Time) {
	if sp.count == 0 {
		return
	}
	ev := run.Event{Type: run.EventSkipped, Job: e.st.Job, Due: sp.first, Reason: reason, State: run.StateSkipped}
	if e.def != nil {
		ev.Cluster = e.def.Cluster
	}
	if sp.count == 1 {
		ev.Run = run.NewID(e.st.Job, sp.first, "")
	} else {
		ev.Through, ev.Count = sp.last, sp.count
	}
	s.event(ev, now)
}

// decideMissed settles the due times up to until that are older than the
// grace, as the job's catch-up policy says. It reports whether there are more
// of them.
func (s *Shard) decideMissed(e *entry, until, now time.Time) (more bool) {
	var missed []time.Time
	newer := false
	for due, ok := e.next(); ok && !due.After(until); due, ok = e.sched.Next(due) {
		late := now.Sub(due) > grace
		if !late || len(missed) == maxWalk {
			newer, more = e.runsLater(due, until), late
			break
		}
		missed = append(missed, due)
	}
	if len(missed) == 0 {
		return false
	}
	first := s.caughtUp(e, missed, newer, now)
	runs := 0
	for i := first; i < len(missed); i++ {
		if e.skips(missed[i]) == "" {
			runs++
		}
		if runs > maxBurst {
			missed, more = missed[:i], true
			break
		}
	}
	e.st.Through = missed[len(missed)-1]
	s.settleMissed(e, missed, first, now)
	return more
}

// runsLater reports whether any due time from due to until is one to run. It
// looks at maxWalk of them, and takes for granted that a later one is.
func (e *entry) runsLater(due, until time.Time) bool {
	ok := true
	for range maxWalk {
		if !ok || due.After(until) {
			return false
		}
		if e.except.Reason(due) == "" {
			return true
		}
		due, ok = e.sched.Next(due)
	}
	return true
}

// settleMissed runs those of missed from first on, but for those that are not
// run anyway, and skips the others.
func (s *Shard) settleMissed(e *entry, missed []time.Time, first int, now time.Time) {
	var row span
	why := ""
	for i, due := range missed {
		reason := e.skips(due)
		if reason == "" && i < first {
			reason = run.ReasonMissed
		}
		if reason != why {
			s.skip(e, row, why, now)
			row, why = span{}, reason
		}
		switch {
		case reason == "":
			s.decide(e, due, run.TriggerCatchUp, now)
		case e.st.knows(run.NewID(e.st.Job, due, "")):
			s.write(e)
		default:
			row.add(due)
		}
	}
	s.skip(e, row, why, now)
}

// caughtUp returns the place in missed from which on they are run. newer says
// that a later due time is run anyway.
func (s *Shard) caughtUp(e *entry, missed []time.Time, newer bool, now time.Time) int {
	none := len(missed)
	if e.paused() {
		return none
	}
	switch e.def.CatchUp.Policy {
	case job.CatchUpAll:
		for i, due := range missed {
			if now.Sub(due) <= e.def.CatchUp.Window {
				return i
			}
		}
	case job.CatchUpLast:
		for i := none - 1; i >= 0 && !newer && now.Sub(missed[i]) <= e.def.CatchUp.Window; i-- {
			if e.except.Reason(missed[i]) == "" {
				return i
			}
		}
	case job.CatchUpNone:
	}
	return none
}

package shard

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// Some of what is told follows from nothing that happens, but from time that
// passes. When each of it is to be told, follows from the state alone.

// tellAt is when the next of it is to be told, zero if nothing is.
func (e *entry) tellAt() time.Time {
	if !e.watched() || e.st.Watch == nil {
		return time.Time{}
	}
	next := time.Time{}
	sooner := func(at time.Time, ok bool) {
		if ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for i := range e.st.Active {
		a := &e.st.Active[i]
		sooner(e.lateAt(a))
		sooner(e.longAt(a))
	}
	sooner(e.noSuccessAt())
	if at, _, _, ok := e.notDoneAt(); ok {
		sooner(at, ok)
	}
	return next
}

// tellTimed tells of what time has brought about.
func (s *Shard) tellTimed(e *entry, now time.Time) {
	if !e.watched() || e.st.Watch == nil {
		return
	}
	reached := func(at time.Time, ok bool) bool { return ok && !now.Before(at) }
	for i := range e.st.Active {
		a := &e.st.Active[i]
		for reached(e.lateAt(a)) {
			after, _ := e.lateAfter(a.Late)
			a.Late = after
			n := noticeOf(a, &run.Event{State: a.State, Reason: a.Waits})
			n.Since = a.time().UTC()
			n.Until = n.Since.Add(after)
			s.tellIf(e, job.WhenLate, string(a.ID)+" "+after.String(), n, now, func(rule *job.Notify) bool {
				return cmp.Or(rule.LateAfter, job.DefaultLateAfter) == after
			})
		}
		if reached(e.longAt(a)) {
			a.Long = true
			s.write(e)
			n := noticeOf(a, &run.Event{State: a.State})
			limit, _ := e.st.longest()
			n.Since, n.Until = a.Started.UTC(), a.Started.Add(limit).UTC()
			s.tell(e, job.WhenLong, string(a.ID)+" "+strconv.Itoa(a.Attempt), n, now)
		}
	}
	if at, ok := e.noSuccessAt(); reached(at, ok) {
		e.st.Watch.NoSuccess = at.UTC()
		s.write(e)
		n := run.Notice{Since: e.st.Watch.Success, Until: at.UTC()}
		s.tell(e, job.WhenNoSuccess, keyOf(at), n, now)
	}
	if at, by, due, ok := e.notDoneAt(); reached(at, ok) {
		e.st.Watch.NotDone = by
		s.write(e)
		s.tell(e, job.WhenNotDone, keyOf(by), e.notDone(by, due, now), now)
	}
}

// tells reports whether anybody is told of that occasion.
func (e *entry) tells(when job.When) bool {
	for i := range e.def.Notify {
		if slices.Contains(e.def.Notify[i].When, when) {
			return true
		}
	}
	return false
}

// lateAfter is the shortest time longer than the given one after which some
// rule calls a run late.
func (e *entry) lateAfter(longer time.Duration) (after time.Duration, ok bool) {
	for i := range e.def.Notify {
		rule := &e.def.Notify[i]
		wait := cmp.Or(rule.LateAfter, job.DefaultLateAfter)
		for _, w := range rule.When {
			if w == job.WhenLate && wait > longer && (!ok || wait < after) {
				after, ok = wait, true
			}
		}
	}
	return after, ok
}

// lateAt is when a is late, if it has not begun.
func (e *entry) lateAt(a *Active) (time.Time, bool) {
	if a.Attempt > 1 || a.Backfill != "" || a.State == run.StateStarted || e.pauses(a) {
		return time.Time{}, false
	}
	after, ok := e.lateAfter(a.Late)
	return a.time().Add(after), ok
}

// time is when a is to start. That of a due time which somebody asked for again
// has long been.
func (a *Active) time() time.Time {
	if a.Trigger.Asked() {
		return latest(a.NotBefore, a.Staged)
	}
	return a.NotBefore
}

// longAt is when a takes longer than the last runs let expect.
func (e *entry) longAt(a *Active) (time.Time, bool) {
	if a.State != run.StateStarted || a.Long || a.Backfill != "" || a.Started.IsZero() || !e.tells(job.WhenLong) {
		return time.Time{}, false
	}
	limit, ok := e.st.longest()
	return a.Started.Add(limit), ok
}

// noSuccessAt is when the job has been too long without a success.
func (e *entry) noSuccessAt() (time.Time, bool) {
	w := e.st.Watch
	if e.def.ExpectSuccessWithin == 0 || e.paused() || !e.tells(job.WhenNoSuccess) {
		return time.Time{}, false
	}
	at := latest(w.Success, w.Since).Add(e.def.ExpectSuccessWithin)
	return at, at.After(w.NoSuccess)
}

// notDoneAt is from when on it is known that done_by will not be met: by its
// next time, by, if the run due at due has to end by then.
func (e *entry) notDoneAt() (at, by, due time.Time, ok bool) {
	if e.def.DoneBy == "" || e.paused() || !e.tells(job.WhenNotDone) {
		return at, by, due, false
	}
	w := e.st.Watch
	by, due, ok = e.deadline(latest(latest(w.NotDone, w.Since), w.SuccessDue))
	if !ok {
		return at, by, due, false
	}
	a := e.runFor(due)
	switch last := by.Add(-e.st.typical()); {
	case a == nil && !due.After(e.st.Through) && !e.deferredFor(due):
		at = due // no run of it is left
	case a != nil && a.State == run.StateStarted && !a.Started.After(last):
		at = by
	case a != nil && a.State == run.StateStarted:
		at = latest(a.Started, due)
	default:
		at = latest(last, due)
	}
	return at, by, due, true
}

// notDone is the notice that says so.
func (e *entry) notDone(by, due, now time.Time) run.Notice {
	n := run.Notice{Due: due.UTC(), Since: e.st.Watch.Success, Until: by}
	a := e.runFor(due)
	if a == nil {
		return n
	}
	begins := latest(a.NotBefore, now)
	if a.State == run.StateStarted {
		begins = a.Started
	}
	n.Run, n.Trigger, n.Attempt, n.State = a.ID, a.Trigger, a.Attempt, a.State
	n.Expected = latest(begins.Add(e.st.typical()), now).UTC()
	return n
}

// runFor is the unfinished run whose success would be that of the due time.
func (e *entry) runFor(due time.Time) *Active {
	for i := range e.st.Active {
		if a := &e.st.Active[i]; a.Backfill == "" && !a.Due.Before(due) {
			return a
		}
	}
	return nil
}

// deferredFor reports whether a due time, or a later one, waits for an earlier run to end.
func (e *entry) deferredFor(due time.Time) bool {
	for i := range e.st.Deferred {
		if !e.st.Deferred[i].Due.Before(due) {
			return true
		}
	}
	return false
}

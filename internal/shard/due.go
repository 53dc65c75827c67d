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

// deferred reports whether the next due time must wait for its instant to be
// decided, since what becomes of it depends on what happens until then.
func (e *entry) deferred() bool {
	return e.paused() || e.def.Overlap != job.OverlapAllow && len(e.st.Active) > 0
}

// horizon is up to which due time e may be decided at now.
func (s *Shard) horizon(e *entry, now time.Time) time.Time {
	if e.deferred() {
		return now
	}
	return now.Add(s.cfg.Lead)
}

// arm sets when e is next looked at: never before all definitions are known,
// nor while its own cannot be read.
func (s *Shard) arm(e *entry, now time.Time) {
	var wake time.Time
	if !s.loaded || e.def == nil && e.unreadable {
		s.wakes.set(e, wake)
		return
	}
	earlier := func(t time.Time) {
		if wake.IsZero() || t.Before(wake) {
			wake = t
		}
	}
	if due, ok := e.next(); e.def != nil && ok {
		earlier(due.Add(now.Sub(s.horizon(e, now))))
	}
	for i := range e.st.Active {
		if a := &e.st.Active[i]; a.State == run.StateWaiting {
			earlier(s.stageAt(e, a))
		}
	}
	s.wakes.set(e, wake)
}

// advance decides all of e that has come within reach.
func (s *Shard) advance(e *entry, now time.Time) {
	s.stageWaiting(e, now)
	if e.def == nil {
		return
	}
	if s.decideMissed(e, now, now) {
		return // more were missed than one Step looks at
	}
	for range maxBurst {
		due, ok := e.next()
		if !ok || due.After(s.horizon(e, now)) {
			return
		}
		e.st.Through = due
		s.decide(e, due, run.TriggerSchedule, now)
	}
}

// decide settles one due time: it is enqueued, deferred or skipped.
func (s *Shard) decide(e *entry, due time.Time, trigger run.Trigger, now time.Time) {
	id := run.NewID(e.st.Job, due, "")
	switch {
	case e.st.knows(id):
		// Staged before an edit: the answer to its recall decides.
	case e.paused():
		s.skip(e, span{due, due, 1}, run.ReasonPaused, now)
	default:
		s.admit(e, Deferred{ID: id, Due: due, Trigger: trigger}, now)
	}
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
	through := e.st.Through
	for due, ok := e.next(); ok && !due.After(until); due, ok = e.sched.Next(due) {
		if now.Sub(due) <= grace {
			newer = true
			break
		}
		if len(missed) == maxWalk {
			newer, more = true, true
			break
		}
		missed = append(missed, due)
		through = due
	}
	if len(missed) == 0 {
		return false
	}
	keep := s.caughtUp(e, missed, newer, now)
	if len(keep) > maxBurst {
		keep, more = keep[:maxBurst], true
		through = keep[len(keep)-1]
	}
	e.st.Through = through
	s.settleMissed(e, missed, keep, now)
	return more
}

// settleMissed runs those of missed that are in keep (a suffix of it, cut at
// Through) and skips the others.
func (s *Shard) settleMissed(e *entry, missed, keep []time.Time, now time.Time) {
	reason := run.ReasonMissed
	if e.paused() {
		reason = run.ReasonPaused
	}
	var skipped span
	for _, due := range missed {
		if len(keep) > 0 && !due.Before(keep[0]) {
			break
		}
		if !e.st.knows(run.NewID(e.st.Job, due, "")) {
			skipped.add(due)
		}
	}
	s.skip(e, skipped, reason, now)
	for _, due := range keep {
		s.decide(e, due, run.TriggerCatchUp, now)
	}
}

// caughtUp returns which of the missed due times are run, oldest first.
// newer says that a later due time is run anyway.
func (s *Shard) caughtUp(e *entry, missed []time.Time, newer bool, now time.Time) []time.Time {
	if e.paused() {
		return nil
	}
	inWindow := len(missed)
	for i, due := range missed {
		if now.Sub(due) <= e.def.CatchUp.Window {
			inWindow = i
			break
		}
	}
	switch e.def.CatchUp.Policy {
	case job.CatchUpAll:
		return missed[inWindow:]
	case job.CatchUpLast:
		if newer || inWindow == len(missed) {
			return nil
		}
		return missed[len(missed)-1:]
	case job.CatchUpNone:
		return nil
	}
	return nil
}

package shard

import (
	"maps"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// changeJob takes a new definition, or a job's deletion. Due times up to now
// are decided by the definition they fell under; what was staged ahead is
// asked back, and decided by the new one.
func (s *Shard) changeJob(in JobChanged, now time.Time) {
	if in.Job == nil {
		s.removeJob(in, now)
		return
	}
	sched, except, problems := s.compiler.Compile(in.Job)
	if len(problems) > 0 {
		s.refuse(in, problems[0].Message, now)
		return
	}
	e := s.jobs[in.Name]
	if e != nil && e.aside != "" {
		if in.Replayed || e.lost {
			return
		}
		s.takeBack(e)
	}
	if e != nil && in.Replayed && e.versioned && !s.loaded {
		// The state knows the definition it was decided with. To compute its
		// version anew would be a third of what loading a shard costs.
		s.define(e, in.Job, sched, except)
		return
	}
	if e != nil {
		s.open(e)
	}
	if e == nil {
		// A deleted job of the same name had fences too. At less than one
		// start a microsecond they have not come to where these begin.
		e = s.add(JobState{Job: in.Name, Fence: now.UnixMicro()})
	}
	version := s.compiler.Version(in.Job)
	changed := !in.Replayed && e.st.Version != version
	if changed {
		s.write(e)
		s.leaveOld(e, s.since(in.AppliedAt, now), now)
		e.st.Version = version
	}
	s.define(e, in.Job, sched, except)
	switch {
	case changed:
		s.revise(e, now)
	case e.st.Version == "":
		s.stateless[in.Name] = version
	}
	s.arm(e)
}

// removeJob takes a tombstone. What followed from one that is replayed is in
// the state; it only takes back the definitions replayed before it.
func (s *Shard) removeJob(in JobChanged, now time.Time) {
	e := s.job(in.Name)
	switch {
	case e == nil, e.aside != "":
	case !in.Replayed:
		s.deleteJob(e, now)
	case e.st.Version == "" && len(e.st.Active) == 0 && e.st.Through.IsZero():
		delete(s.jobs, in.Name)
	default:
		e.undefine()
	}
}

// finishLoading begins to decide, now that the last definition of every job is
// known. A job in the state without one was deleted, and its tombstone
// compacted away before it could be read.
func (s *Shard) finishLoading(now time.Time) {
	s.loaded = true
	for _, name := range slices.Sorted(maps.Keys(s.jobs)) {
		e := s.job(name)
		switch {
		case e.aside != "":
		case e.def == nil && !e.unreadable && e.st.Version != "":
			s.deleteJob(e, now)
		case e.def != nil && e.st.Version == "":
			// An earlier owner knew the job, but its state is lost: what was
			// run before now is unknown, and must not be run twice.
			s.write(e)
			e.st.Through = latest(e.st.Through, now)
			e.st.Version = s.stateless[name]
		}
		s.arm(e)
		s.closeOpened()
	}
	clear(s.stateless)
}

// since is from when on a definition counts: from when it was applied, if
// that was while nobody was deciding. Otherwise it is news, and a clock that
// runs behind where it was applied must not make due times of the past.
func (s *Shard) since(applied, now time.Time) time.Time {
	if applied.IsZero() || applied.After(now) || s.loaded && now.Sub(applied) > grace {
		return now.UTC()
	}
	return applied.UTC()
}

// leaveOld settles what the job's old definition owes, and makes room for
// the new one to decide from since on.
func (s *Shard) leaveOld(e *entry, since, now time.Time) {
	switch {
	case e.def != nil:
		s.decidePast(e, since, now)
	case e.st.Version != "":
		// The old definition was compacted away, and with it what was due.
		s.skipRest(e, since, run.ReasonEdited, now)
	}
	if earliest, ok := s.recallAll(e, run.ReasonEdited, now); ok {
		e.st.Through = s.reopen(e, earliest, since, now)
		return
	}
	e.st.Through = latest(e.st.Through, since)
}

// decidePast decides the due times of e up to until, by the definition it is
// about to lose. What is more than one transaction's worth is skipped.
func (s *Shard) decidePast(e *entry, until, now time.Time) {
	for s.decideMissed(e, until, now) {
		if s.out.Records() >= maxEffects {
			s.skipRest(e, until, run.ReasonEdited, now)
			return
		}
	}
	for due, ok := e.next(); ok && !due.After(until); due, ok = e.next() {
		e.st.Through = due
		s.decide(e, due, run.TriggerSchedule, now)
	}
}

// skipRest skips whatever is due up to until and not decided. The ledger
// tells how many that is, unless nobody knows.
func (s *Shard) skipRest(e *entry, until time.Time, reason string, now time.Time) {
	if !until.After(e.st.Through) || e.def != nil && e.sched == nil {
		return
	}
	var rest span
	due, ok := e.next()
	for ; ok && !due.After(until) && rest.count < maxWalk; due, ok = e.sched.Next(due) {
		if !e.st.knows(run.NewID(e.st.Job, due, "")) {
			rest.add(due)
		}
	}
	if e.sched == nil || ok && !due.After(until) {
		s.event(run.Event{
			Type: run.EventSkipped, Job: e.st.Job, Through: until,
			Due:    e.st.Through.Truncate(time.Second).Add(time.Second), // the first there can be
			Reason: reason, State: run.StateSkipped,
		}, now)
	} else {
		s.skip(e, rest, reason, now)
	}
	e.st.Through = until
}

// forgetAfter is how long a deleted job's state stays after the last due time
// it decided: longer than clocks differ. A host whose clock is behind may apply
// a job of the same name, and must not make due times of what was run.
const forgetAfter = 5 * time.Minute

// over reports whether nothing of e is left but what it did.
func (e *entry) over() bool {
	return e.def == nil && !e.unreadable && len(e.st.Active) == 0
}

// forgetAt is when the state of a job that is over goes.
func (e *entry) forgetAt() time.Time { return e.st.Through.Add(forgetAfter) }

// deleteJob takes back what is staged; the state goes some time after the
// last unfinished run ended.
func (s *Shard) deleteJob(e *entry, now time.Time) {
	s.write(e)
	if e.st.Version != "" {
		s.skipRest(e, now, run.ReasonDeleted, now)
	}
	for _, d := range e.st.Deferred {
		s.skipRun(e, d, run.ReasonDeleted, now)
	}
	e.st.Deferred = nil
	s.cancelBackfills(e, now)
	e.undefine()
	e.st.Version, e.st.Paused = "", false
	s.recallAll(e, run.ReasonDeleted, now)
	s.arm(e)
}

// refuse puts a definition that cannot be used into dead letters; the job
// goes on as it was.
func (s *Shard) refuse(in JobChanged, why string, now time.Time) {
	s.unreadable(Unreadable{Job: in.Name, Replayed: in.Replayed, Letter: run.DeadLetter{
		At: now.UTC(), By: s.cfg.By, Reason: run.ReasonInvalidJob + ": " + why, Key: []byte(in.Name),
	}})
}

// unreadable keeps a record that means nothing to this version.
func (s *Shard) unreadable(in Unreadable) {
	if !in.Replayed {
		s.out.Dead = append(s.out.Dead, Dead{Letter: in.Letter})
	}
	if e := s.jobs[in.Job]; e != nil && e.def == nil {
		e.unreadable = true
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

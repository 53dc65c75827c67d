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
	e := s.jobs[in.Name]
	if in.Job == nil {
		if e != nil {
			s.deleteJob(e, now)
		}
		return
	}
	if problems := in.Job.Validate(); len(problems) > 0 {
		s.refuse(in, problems[0].String(), now)
		return
	}
	sched, err := in.Job.Compile()
	if err != nil {
		s.refuse(in, err.Error(), now)
		return
	}
	if e == nil {
		e = &entry{index: -1, st: JobState{Job: in.Name, Through: s.since(in.AppliedAt, now)}}
		s.jobs[in.Name] = e
	}
	version := in.Job.Version()
	if e.st.Version != version {
		s.touch(e)
		s.leaveOld(e, s.since(in.AppliedAt, now), now)
		e.st.Version = version
	}
	e.def, e.sched, e.unreadable = in.Job, sched, false
	s.arm(e, now)
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
	if e.def != nil {
		s.decidePast(e, since, now)
	} else if e.st.Version != "" && since.After(e.st.Through) {
		// The old definition was compacted away, and with it what was due.
		s.event(run.Event{
			Type: run.EventSkipped, Job: e.st.Job, Due: e.st.Through, Through: since,
			Reason: run.ReasonEdited, State: run.StateSkipped,
		}, now)
	}
	if earliest, ok := s.recallAll(e, run.ReasonEdited, now); ok {
		e.st.Through = earlier(earliest.Add(-time.Nanosecond), since).UTC()
		return
	}
	e.st.Through = latest(e.st.Through, since)
}

// decidePast decides the due times of e up to until.
func (s *Shard) decidePast(e *entry, until, now time.Time) {
	for {
		more := s.decideMissed(e, until, now)
		for due, ok := e.next(); !more && ok && !due.After(until); due, ok = e.next() {
			e.st.Through = due
			s.decide(e, due, run.TriggerSchedule, now)
		}
		if !more {
			return
		}
	}
}

// recallAll asks back every scheduled run of e that is staged ahead and not
// started, and returns the earliest due time of those.
func (s *Shard) recallAll(e *entry, reason string, now time.Time) (earliest time.Time, any bool) {
	for _, a := range slices.Clone(e.st.Active) {
		a := e.st.find(a.ID)
		if a == nil || !ahead(a, reason, now) {
			continue
		}
		if !any || a.Due.Before(earliest) {
			earliest, any = a.Due, true
		}
		s.recall(e, a, reason, now)
	}
	return earliest, any
}

// ahead reports whether a is one of those a change of its job takes back:
// its first start still lies ahead, or, where no run is wanted any more, it
// has not started.
func ahead(a *Active, reason string, now time.Time) bool {
	if a.Attempt > 1 || !a.unstarted() || a.Cancel != "" {
		return false
	}
	if reason == run.ReasonDeleted {
		return true
	}
	return a.Trigger == run.TriggerSchedule && a.NotBefore.After(now)
}

// recall asks one run back. One that stands on no queue needs no answer.
func (s *Shard) recall(e *entry, a *Active, reason string, now time.Time) {
	if a.State == run.StateWaiting {
		s.takeBack(e, a, reason, now)
		return
	}
	a.Recall = reason
	s.out.Control = append(s.out.Control, run.Control{
		Type: run.ControlRecall, At: now.UTC(), Run: a.ID, Fence: a.Fence, Reason: reason,
	})
	ev := s.about(e, a, run.EventRecalling)
	ev.Reason = reason
	s.event(ev, now)
}

// takeBack forgets a run that will not start, so that its due time, if it
// still lies ahead, is decided anew.
func (s *Shard) takeBack(e *entry, a *Active, reason string, now time.Time) {
	if reason == run.ReasonDeleted || e.def == nil || !a.Due.After(now) {
		s.end(e, a, run.Event{State: run.StateSkipped, Reason: reason}, now)
		return
	}
	if a.Due.Compare(e.st.Through) <= 0 {
		e.st.Through = a.Due.Add(-time.Nanosecond)
	}
	e.st.remove(a.ID)
}

// deleteJob takes back what is staged; the state goes when the last
// unfinished run ends.
func (s *Shard) deleteJob(e *entry, now time.Time) {
	s.touch(e)
	if e.def != nil {
		s.decidePast(e, now, now)
	}
	for _, d := range e.st.Deferred {
		s.skipRun(e, d, run.ReasonDeleted, now)
	}
	e.st.Deferred = nil
	s.recallAll(e, run.ReasonDeleted, now)
	e.def, e.sched, e.st.Version = nil, nil, ""
	e.st.Paused = false
	s.arm(e, now)
}

// deleteUndefined deletes the jobs whose tombstone was compacted away before
// it could be read.
func (s *Shard) deleteUndefined(now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(s.jobs)) {
		e := s.jobs[name]
		if e.def == nil && !e.unreadable && e.st.Version != "" {
			s.deleteJob(e, now)
		}
	}
}

// refuse puts a definition that cannot be used into dead letters; the job
// goes on as it was.
func (s *Shard) refuse(in JobChanged, why string, now time.Time) {
	if e := s.jobs[in.Name]; e != nil && e.def == nil {
		e.unreadable = true
	}
	if in.Replayed {
		return
	}
	s.out.Dead = append(s.out.Dead, Dead{Cluster: "", Letter: run.DeadLetter{
		At: now.UTC(), By: s.cfg.By, Reason: run.ReasonInvalidJob + ": " + why, Key: []byte(in.Name),
	}})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

package shard

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// askRun begins a run that somebody asked for, with the environment they gave.
func (s *Shard) askRun(e *entry, r run.Request, now time.Time) {
	d := Deferred{ID: run.NewID(r.Job, r.At, r.ID), Due: r.At.UTC(), Trigger: run.TriggerManual}
	if len(r.Env) > 0 {
		d.Own = &Own{Env: r.Env}
		if len(job.CheckEnv(r.Env)) > 0 {
			s.skipRun(e, d, run.ReasonInvalidRequest, now)
			return
		}
	}
	s.admitOwn(e, d, now)
}

// replayRun runs a due time again by the definition that the request carries.
// The job as it is now says only whether it may run beside others.
func (s *Shard) replayRun(e *entry, r run.Request, now time.Time) {
	d := Deferred{ID: run.NewID(r.Job, r.Due, r.ID), Due: r.Due.UTC(), Trigger: run.TriggerReplay}
	if !s.replayable(r) {
		s.skipRun(e, d, run.ReasonInvalidRequest, now)
		return
	}
	then := r.Definition.WithDefaults()
	d.Own = &Own{Definition: rules(&then), Version: s.compiler.Version(r.Definition)}
	d.Own.Definition.Command = then.Command
	s.admitOwn(e, d, now)
}

// replayable reports whether the request carries a definition of its job that
// can be used.
func (s *Shard) replayable(r run.Request) bool {
	if r.Definition == nil || r.Definition.Name != r.Job || r.Due.IsZero() {
		return false
	}
	then := r.Definition.WithDefaults()
	_, _, problems := s.compiler.Compile(&then)
	return len(problems) == 0 && (&Own{Definition: &then}).size() <= run.MaxDefinition
}

// admitOwn is admit for a run with something of its own, which is held in the
// job's state until the run has ended.
func (s *Shard) admitOwn(e *entry, d Deferred, now time.Time) {
	if d.Own != nil && !e.st.ownFits(d.Own) {
		s.skipRun(e, d, run.ReasonOwnFull, now)
		return
	}
	s.admit(e, d, now)
}

// discard says in the ledger that a run given up will not be run again, whether
// or not its job is still there.
func (s *Shard) discard(r run.Request, now time.Time) {
	if e := s.job(r.Job); e != nil && e.aside == "" {
		if e.st.seen(r.ID, now) {
			return
		}
		s.write(e)
	}
	if r.Run == "" {
		return
	}
	s.event(run.Event{
		Type: run.EventDiscarded, Job: r.Job, Run: r.Run, Due: r.Due.UTC(), State: run.StateDead, AskedBy: r.By,
	}, now)
}

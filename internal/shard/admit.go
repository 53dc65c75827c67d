package shard

import (
	"cmp"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// admit applies the job's overlap policy to a run whose time has come.
func (s *Shard) admit(e *entry, d Deferred, now time.Time) {
	others := e.st.others()
	if others >= e.maxUnfinished() {
		s.skipRun(e, d, run.ReasonQueueFull, now)
		return
	}
	if e.def.Overlap == job.OverlapAllow || len(e.st.Active) == 0 {
		s.begin(e, d, now)
		return
	}
	switch e.def.Overlap {
	case job.OverlapSkip:
		if others == 0 && len(e.st.Deferred) == 0 {
			s.deferRun(e, d, run.ReasonOverlap, now) // a backfill gives way
			return
		}
		s.skipRun(e, d, run.ReasonOverlap, now)
	case job.OverlapQueue:
		if len(e.st.Deferred) >= maxDeferred {
			s.skipRun(e, d, run.ReasonQueueFull, now)
			return
		}
		s.deferRun(e, d, run.ReasonOverlap, now)
	case job.OverlapReplace:
		for _, older := range e.st.Deferred {
			s.skipRun(e, older, run.ReasonReplaced, now)
		}
		e.st.Deferred = nil
		s.deferRun(e, d, run.ReasonReplaced, now)
		if others > 0 {
			s.cancelAll(e, run.ReasonReplaced, now)
		}
	case job.OverlapAllow:
	}
}

func (s *Shard) deferRun(e *entry, d Deferred, reason string, now time.Time) {
	e.st.Deferred = append(e.st.Deferred, d)
	s.event(run.Event{
		Type: run.EventDeferred, Job: e.st.Job, Run: d.ID, Cluster: e.def.Cluster,
		Due: d.Due, Trigger: d.Trigger, Reason: reason,
	}, now)
}

func (s *Shard) skipRun(e *entry, d Deferred, reason string, now time.Time) {
	ev := run.Event{
		Type: run.EventSkipped, Job: e.st.Job, Run: d.ID,
		Due: d.Due, Trigger: d.Trigger, Reason: reason, State: run.StateSkipped,
	}
	if e.def != nil {
		ev.Cluster = e.def.Cluster
	}
	s.event(ev, now)
}

// begin makes d an unfinished run and enqueues its first attempt, or lets it
// wait where jitter moves it far ahead.
func (s *Shard) begin(e *entry, d Deferred, now time.Time) {
	a := Active{
		ID: d.ID, Due: d.Due, NotBefore: d.Due, Trigger: d.Trigger,
		Attempt: 1, State: run.StateWaiting, Own: d.Own, Backfill: d.Backfill,
	}
	a.Cluster = e.rulesFor(&a).Cluster
	switch d.Trigger {
	case run.TriggerSchedule:
		a.NotBefore = d.Due.Add(jitter(e.def.Jitter, d.ID))
	case run.TriggerBackfill:
		a.NotBefore = now.UTC()
	case run.TriggerManual, run.TriggerRequeue, run.TriggerReplay:
		// Whoever asks means now, also if the asking host's clock is ahead.
		if now.Before(d.Due) {
			a.NotBefore = now.UTC()
		}
	case run.TriggerCatchUp:
	}
	if !s.stage(e, e.st.insert(a), now) {
		s.write(e)
	}
}

// beginDeferred starts what waited, now that the job has no unfinished run.
func (s *Shard) beginDeferred(e *entry, now time.Time) {
	for len(e.st.Active) == 0 && len(e.st.Deferred) > 0 {
		d := e.st.Deferred[0]
		e.st.Deferred = append([]Deferred(nil), e.st.Deferred[1:]...)
		if e.def == nil {
			s.skipRun(e, d, run.ReasonDeleted, now)
			continue
		}
		s.begin(e, d, now)
	}
}

// stageWaiting stages those of e's runs whose start has come within reach.
func (s *Shard) stageWaiting(e *entry, now time.Time) {
	for _, id := range unfinished(e.st, func(a *Active) bool {
		return a.State == run.StateWaiting && !now.Before(s.stageAt(e, a))
	}) {
		if a := e.st.find(id); a != nil && a.State == run.StateWaiting {
			s.stage(e, a, now)
		}
	}
}

// stage enqueues a, which stands on no queue, if its start is near. Where no
// first run is to start, it is skipped when it would. stage reports whether
// anything was decided.
func (s *Shard) stage(e *entry, a *Active, now time.Time) bool {
	switch {
	case now.Before(s.stageAt(e, a)):
		return false
	case e.def == nil:
		s.endUnstarted(e, a, e.undefined(), now)
	case e.pauses(a):
		s.endUnstarted(e, a, run.ReasonPaused, now)
	case s.unreachable(e, a):
		s.endUnstarted(e, a, a.Waits, now)
	default:
		s.enqueue(e, a, now)
	}
	return true
}

// stageAt is when something becomes of a run that stands on no queue.
func (s *Shard) stageAt(e *entry, a *Active) time.Time {
	switch {
	case e.pauses(a):
		return a.NotBefore
	case s.unreachable(e, a):
		return a.NotBefore.Add(e.patience(a))
	}
	return a.NotBefore.Add(-s.cfg.Lead)
}

// pauses reports whether a must not start as long as its job is paused: first
// starts are skipped then, what has started before is brought to its end.
func (e *entry) pauses(a *Active) bool {
	return e.def != nil && e.paused() && a.Attempt == 1 && a.Trigger == run.TriggerSchedule
}

// unfinished lists the IDs of the unfinished runs that fit, earliest due time
// first, to walk over while runs end and others begin.
func unfinished(st *JobState, fits func(*Active) bool) []run.ID {
	var fit []*Active
	for i := range st.Active {
		if fits(&st.Active[i]) {
			fit = append(fit, &st.Active[i])
		}
	}
	slices.SortFunc(fit, func(a, b *Active) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	ids := make([]run.ID, len(fit))
	for i, a := range fit {
		ids[i] = a.ID
	}
	return ids
}

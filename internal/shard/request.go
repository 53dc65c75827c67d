package shard

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// request does what somebody asked for. A request for a job that does not
// exist is answered in the ledger.
func (s *Shard) request(r run.Request, now time.Time) {
	if r.Type == run.RequestDiscard {
		s.discard(r, now)
		return
	}
	e := s.job(r.Job)
	if e == nil || e.aside == "" && e.def == nil && r.Type != run.RequestCancel {
		s.event(run.Event{
			Type: run.EventSkipped, Job: r.Job, Run: run.NewID(r.Job, r.At, r.ID), Due: r.At.UTC(),
			Trigger: run.TriggerManual, Reason: run.ReasonUnknownJob, State: run.StateSkipped,
		}, now)
		return
	}
	if e.aside != "" {
		s.askedOfAside(e, r, now)
		return
	}
	if e.st.seen(r.ID, now) {
		return
	}
	s.write(e)
	switch r.Type {
	case run.RequestRun:
		s.askRun(e, r, now)
	case run.RequestReplay:
		s.replayRun(e, r, now)
	case run.RequestRequeue:
		s.admit(e, Deferred{ID: run.NewID(r.Job, r.Due, r.ID), Due: r.Due.UTC(), Trigger: run.TriggerRequeue}, now)
	case run.RequestPause:
		e.st.Paused = true
		s.recallAll(e, run.ReasonPaused, now)
	case run.RequestResume:
		e.st.Paused = false
	case run.RequestCancel:
		s.cancel(e, r.Run, now)
	case run.RequestBackfill:
		s.askBackfill(e, r, now)
	case run.RequestBackfillPause, run.RequestBackfillResume, run.RequestBackfillCancel:
		s.steerBackfill(e, r, now)
	case run.RequestDiscard: // done above
	}
	s.arm(e)
}

// cancel ends one run, wherever it stands.
func (s *Shard) cancel(e *entry, id run.ID, now time.Time) {
	if a := e.st.find(id); a != nil {
		s.cancelActive(e, a, run.ReasonCancelled, now)
		return
	}
	i := slices.IndexFunc(e.st.Deferred, func(d Deferred) bool { return d.ID == id })
	if i >= 0 {
		s.skipRun(e, e.st.Deferred[i], run.ReasonCancelled, now)
		e.st.Deferred = slices.Delete(e.st.Deferred, i, i+1)
	}
}

// cancelAll ends all unfinished runs of e.
func (s *Shard) cancelAll(e *entry, reason string, now time.Time) {
	for _, id := range unfinished(e.st, func(a *Active) bool { return a.Cancel == "" }) {
		if a := e.st.find(id); a != nil {
			s.cancelActive(e, a, reason, now)
		}
	}
}

func (s *Shard) cancelActive(e *entry, a *Active, reason string, now time.Time) {
	if a.State == run.StateWaiting {
		s.end(e, a, run.Event{State: run.StateCancelled, Reason: reason}, now)
		return
	}
	a.ask(reason, true)
	s.out.Control = append(s.out.Control, run.Control{
		Type: run.ControlCancel, At: now.UTC(), Cluster: a.Cluster, Run: a.ID, Fence: a.Fence, Reason: reason,
	})
	ev := s.about(e, a, run.EventRecalling)
	ev.Reason, ev.State = reason, run.StateCancelled
	s.event(ev, now)
}

package shard

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// A due time is decided a lead before its instant, and its run staged. Until
// then the run is nobody's overlap: somebody may ask for one meanwhile. Where the
// two must not overlap, the staged run is taken back and yields: it is staged
// again once nothing else of its job is under way, and at its instant the
// policy decides.

// ahead reports whether a is staged for a due time that lies behind at.
func (a *Active) ahead(at time.Time) bool {
	return a.Attempt == 1 && a.Trigger == run.TriggerSchedule && a.State != run.StateStarted && a.Due.After(at)
}

// instant is when d is to run: whoever asks for a run means now.
func (d *Deferred) instant(now time.Time) time.Time {
	switch d.Trigger {
	case run.TriggerManual, run.TriggerRequeue, run.TriggerReplay:
		return now
	case run.TriggerSchedule, run.TriggerCatchUp, run.TriggerBackfill:
	}
	return latest(now, d.Due)
}

// ahead counts the runs that are staged for due times behind d.
func (e *entry) ahead(d Deferred, now time.Time) int {
	at, n := d.instant(now), 0
	for i := range e.st.Active {
		if e.st.Active[i].ahead(at) {
			n++
		}
	}
	return n
}

// takeBackAhead asks back what is staged for due times behind d, and lets it
// yield.
func (s *Shard) takeBackAhead(e *entry, d Deferred, now time.Time) {
	s.write(e)
	for _, id := range unfinished(e.st, func(a *Active) bool {
		return a.Recall == "" && a.Cancel == "" && a.ahead(d.instant(now))
	}) {
		if a := e.st.find(id); a.State == run.StateWaiting {
			a.Yields = true
		} else {
			s.recall(e, a, run.ReasonOverlap, now)
		}
	}
	s.beginDeferred(e, now)
}

// clearFor reports whether nothing unfinished comes before d: only runs that
// yield, and are due later.
func (e *entry) clearFor(d Deferred) bool {
	return !slices.ContainsFunc(e.st.Active, func(a Active) bool {
		return !a.Yields || a.State != run.StateWaiting || !a.Due.After(d.Due)
	})
}

// yields reports whether a, which stands on no queue, must not be staged as long
// as another run of its job is unfinished.
func (e *entry) yields(a *Active) bool {
	return a.Yields && e.def != nil && e.def.Overlap != job.OverlapAllow &&
		slices.ContainsFunc(e.st.Active, func(b Active) bool { return b.ID != a.ID && !b.Yields })
}

// waitsFor reports whether a, which yields, waits for the others to end when
// its instant has come: they may end by themselves, were asked to, or are of a
// backfill, which gives way.
func (e *entry) waitsFor(a *Active) bool {
	return e.def.Overlap == job.OverlapQueue || !slices.ContainsFunc(e.st.Active, func(b Active) bool {
		asked := e.def.Overlap == job.OverlapReplace && b.Cancel != ""
		return b.ID != a.ID && !b.Yields && b.Backfill == "" && !asked
	})
}

// yield applies the overlap policy to a, whose instant has come while another
// run is unfinished. Nothing waits for ever.
func (s *Shard) yield(e *entry, a *Active, now time.Time) {
	if e.def.Overlap != job.OverlapReplace || e.waitsFor(a) {
		s.endUnstarted(e, a, run.ReasonOverlap, now)
		return
	}
	s.dropDeferred(e, now)
	id := a.ID
	s.cancelAll(e, run.ReasonReplaced, func(b *Active) bool { return b.ID != id && !b.Yields }, now)
}

// dropDeferred skips what waits, since something newer takes its place.
func (s *Shard) dropDeferred(e *entry, now time.Time) {
	for _, older := range e.st.Deferred {
		s.skipRun(e, older, run.ReasonReplaced, now)
	}
	e.st.Deferred = nil
}

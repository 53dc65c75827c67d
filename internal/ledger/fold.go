package ledger

import (
	"cmp"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Fold takes in the next event of the log. Events of one job must come in
// the order of the log; those of different jobs may be mixed in any way.
func (l *Ledger) Fold(e run.Event) {
	if e.Run == "" {
		if e.Type == run.EventSkipped {
			l.skip(&e)
		}
		return // speaks of no due time: nothing the ledger records
	}
	r := l.run(&e)
	if e.Type.FromWorker() && e.Fence != 0 && e.Fence < r.Fence {
		r.note(&e) // of a handing-out that was taken back meanwhile
		return
	}
	if e.Type.FromWorker() {
		r.report(&e)
	} else {
		r.decide(&e)
	}
}

// decide takes in what the owner of the shard wrote.
func (r *Run) decide(e *run.Event) {
	switch e.Type {
	case run.EventEnqueued:
		r.enqueued(e)
	case run.EventRetrying:
		r.EndedAt = time.Time{}
		r.State, r.Reason, r.NotBefore = run.StateWaiting, e.Reason, e.NotBefore
		r.takeOutcome(e)
		r.note(e)
	case run.EventLost:
		r.lost(e)
	case run.EventEnded:
		r.ended(e)
	case run.EventSkipped:
		r.State, r.Reason, r.EndedAt = run.StateSkipped, e.Reason, e.At
	case run.EventDeferred:
		if len(r.Attempts) == 0 || run.HeldBack(e.Reason) {
			r.State, r.Reason = run.StateWaiting, e.Reason
		}
		r.note(e)
	case run.EventDiscarded:
		r.DiscardedAt = e.At
		if r.State == "" {
			r.State, r.EndedAt = e.State, e.At // the log no longer holds how it ended
		}
		r.note(e)
	case run.EventRecalling, run.EventLate, run.EventWithdrawn, run.EventBackfill, run.EventClaimed, run.EventStarting, run.EventFinished, run.EventReturned, run.EventDropped:
		fallthrough
	default: // recalling, late_report, and what later versions add
		r.note(e)
	}
}

func (r *Run) enqueued(e *run.Event) {
	if r.EnqueuedAt.IsZero() {
		r.EnqueuedAt = e.At
	}
	// Also a run that had ended: one recalled by an edit may be due again.
	r.State, r.Reason, r.EndedAt = run.StateQueued, "", time.Time{}
	r.Hops = max(r.Hops, e.Hops)
	r.Version, r.EnvNames, r.Backfill = cmp.Or(e.Version, r.Version), e.EnvNames, e.Backfill
	r.Fence = max(r.Fence, e.Fence)
	if !e.NotBefore.IsZero() {
		r.NotBefore = e.NotBefore
	} else if r.NotBefore.IsZero() {
		r.NotBefore = e.Due
	}
	a := r.attempt(e.Attempt)
	// Placed anew, an attempt begins from the start: whoever held it is gone.
	*a = Attempt{
		Number: e.Attempt, Fence: e.Fence, State: run.StateQueued,
		EnqueuedAt: e.At, NotBefore: r.NotBefore,
	}
}

// report takes in what a worker wrote.
func (r *Run) report(e *run.Event) {
	a := r.attempt(e.Attempt)
	a.Fence = max(a.Fence, e.Fence)
	switch e.Type {
	case run.EventClaimed:
		a.State, a.Worker, a.ClaimedAt = run.StateClaimed, e.By, e.At
		r.advance(run.StateClaimed)
	case run.EventStarting:
		a.State, a.Worker, a.StartedAt = run.StateStarted, e.By, e.At
		r.advance(run.StateStarted)
	case run.EventFinished:
		a.Worker = e.By
		a.takeOutcome(e.Outcome)
		r.advance(a.State)
		if s, ok := e.Final(); ok && !r.Ended() {
			r.State, r.Reason, r.EndedAt = s, "", e.At
		}
	case run.EventReturned:
		a.State, a.Worker = run.StateQueued, ""
		r.advance(run.StateQueued)
		r.note(e)
	case run.EventEnqueued, run.EventSkipped, run.EventRecalling, run.EventRetrying, run.EventLost, run.EventDeferred, run.EventEnded, run.EventLate, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventDropped:
		fallthrough
	default: // dropped: the shard ends the run
		r.note(e)
	}
}

// advance moves the run along with its attempt, unless it was decided.
func (r *Run) advance(s run.State) {
	if !r.Ended() {
		r.State = s
	}
}

func (r *Run) lost(e *run.Event) {
	r.EndedAt = time.Time{} // decided before a success that was reported since
	r.note(e)
	a := r.attempt(e.Attempt)
	if a.State == run.StateStarted {
		a.State = run.StateLost
		r.advance(run.StateLost)
	} else {
		a.State, a.Worker = run.StateQueued, ""
		r.advance(run.StateQueued)
	}
	r.Reason = e.Reason
}

func (r *Run) ended(e *run.Event) {
	r.State, r.Reason, r.EndedAt = e.State, e.Reason, e.At
	r.takeOutcome(e)
	// An attempt that never started shares the run's fate.
	if n := len(r.Attempts); n > 0 && !r.Attempts[n-1].State.Final() {
		r.Attempts[n-1].State = e.State
	}
}

// takeOutcome keeps the outcome a shard's event carries when the report it
// came in is not in the log.
func (r *Run) takeOutcome(e *run.Event) {
	if e.Outcome == nil || e.Attempt == 0 {
		return
	}
	if a := r.attempt(e.Attempt); a.Outcome == nil {
		a.takeOutcome(e.Outcome)
	}
}

func (a *Attempt) takeOutcome(o *run.Outcome) {
	if o == nil {
		a.State = run.StateFailed
		return
	}
	kept := *o
	a.Outcome, a.State = &kept, o.State
	if !o.StartedAt.IsZero() {
		a.StartedAt = o.StartedAt
	}
}

package check

import (
	"cmp"
	"math"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// readLedger folds the events in their order, and the lines beside them.
func (j *judge) readLedger() {
	for i := range j.e.Events {
		switch ev := &j.e.Events[i]; {
		case ev.Type == run.EventFinished:
			j.untaken[ev.Key()]--
		case ev.Type == run.EventLate && strings.HasPrefix(ev.Reason, string(run.EventFinished)):
			j.untaken[ev.Key()]++
		}
	}
	for i := range j.e.Events {
		ev := &j.e.Events[i]
		b := j.book(ev.Job)
		if ev.Type == run.EventSkipped && !ev.Through.IsZero() {
			j.span(b, ev)
			continue
		}
		if ev.Type == run.EventBackfill {
			j.backfills[ev.Backfill] = true
			continue
		}
		h := j.history(ev.Run, ev.Job, ev.Due)
		h.events = append(h.events, ev)
		j.event(b, h, ev)
	}
	for i := range j.e.Lines {
		l := &j.e.Lines[i]
		h := j.history(l.Run, l.Job, time.Time{})
		h.lines = append(h.lines, l)
	}
	for _, h := range j.order {
		linesByTime(h.lines)
	}
}

func (j *judge) event(b *book, h *history, ev *run.Event) {
	current := ev.Fence == h.fence
	switch ev.Type {
	case run.EventEnqueued:
		j.enqueued(b, h, ev)
	case run.EventDeferred:
		if run.HeldBack(ev.Reason) {
			j.held(b, h, ev)
			break
		}
		if h.attempt > 0 || h.final != nil || h.deferred {
			j.blame(RuleDoubled, h, ev.At, "deferred after it was decided")
		}
		h.deferred, h.trigger = true, ev.Trigger
		j.name(b, h, ev)
		j.explain(b, h, ev)
	case run.EventSkipped:
		if h.attempt > 0 {
			j.blame(RuleDoubled, h, ev.At, "skipped though it was handed out")
		}
		h.trigger = ev.Trigger
		j.name(b, h, ev)
		j.explain(b, h, ev)
		j.over(b, h, ev)
		j.counts.Skipped++
	case run.EventRetrying:
		j.retrying(b, h, ev)
	case run.EventLost, run.EventReturned, run.EventDropped, run.EventWithdrawn:
		skew := j.e.Limits.Skew // the scheduler's clock dates the loss
		if ev.Type == run.EventLost && j.e.Limits.Late > 0 && j.calm(ev.At.Add(-grace-skew), ev.At.Add(skew)) {
			j.blame(RuleExplanation, h, ev.At, "%q, but no fault was in effect", ev.Reason)
		}
		h.freed = h.freed || current
	case run.EventEnded:
		if ev.State == run.StateSkipped {
			j.explain(b, h, ev)
		}
		if h.attempt == 0 && !h.deferred && ev.State != run.StateSkipped && ev.State != run.StateCancelled {
			j.blame(RuleFinal, h, ev.At, "ended %s though it was never handed out", ev.State)
		}
		if h.attempt == 0 {
			h.trigger = ev.Trigger
			j.name(b, h, ev)
		}
		j.over(b, h, ev)
		j.counts.Ended++
	case run.EventFinished:
		if _, success := ev.Final(); success && current && h.final == nil && j.untaken[ev.Key()] < 0 {
			j.over(b, h, &run.Event{
				Type: run.EventEnded, Job: ev.Job, Run: ev.Run, Due: ev.Due, At: ev.At,
				Attempt: ev.Attempt, Fence: ev.Fence, State: run.StateSucceeded, Outcome: ev.Outcome,
			})
			j.counts.Ended++
		}
	case run.EventRecalling, run.EventClaimed, run.EventStarting, run.EventLate, run.EventDiscarded, run.EventBackfill:
	}
}

// held takes the word that a run, whose time has come, waits for a worker.
func (j *judge) held(b *book, h *history, ev *run.Event) {
	if h.final != nil {
		if !j.reborn(b, h) {
			j.blame(RuleFinal, h, ev.At, "held back after it had ended as %s", h.final.State)
		}
		h.begin(ev.Fence)
	}
	if j.e.Limits.Late > 0 && j.calm(ev.At.Add(-grace-j.e.Limits.Skew), ev.At.Add(j.e.Limits.Skew)) {
		j.blame(RuleExplanation, h, ev.At, "%q, but no fault was in effect", ev.Reason)
	}
	h.trigger, h.deferred = ev.Trigger, true
	j.name(b, h, ev)
	b.open[h.id] = true
}

// enqueued takes a handing-out: the first, the next attempt after a retry, or
// the same attempt after it was taken from its worker.
func (j *judge) enqueued(b *book, h *history, ev *run.Event) {
	if h.final != nil {
		if !j.reborn(b, h) {
			j.blame(RuleFinal, h, ev.At, "handed out after it had ended as %s", h.final.State)
		}
		h.begin(ev.Fence)
	}
	floor := b.fence
	if len(b.defs) > 1 && j.wasDeleted(b) {
		floor -= j.e.Limits.Skew.Microseconds()
	}
	if ev.Fence <= floor {
		j.blame(RuleFence, h, ev.At, "fence %d was given out after %d", ev.Fence, b.fence)
	}
	b.fence = max(b.fence, ev.Fence)
	switch {
	case h.attempt == 0:
		if ev.Attempt != 1 {
			j.blame(RuleAttempts, h, ev.At, "began with attempt %d", ev.Attempt)
		}
		h.trigger = ev.Trigger
		j.name(b, h, ev)
	case ev.Attempt == h.attempt:
		if !h.freed {
			j.blame(RuleDoubled, h, ev.At, "attempt %d handed out again, though nobody gave it back", ev.Attempt)
		}
	case ev.Attempt == h.attempt+1:
		if !h.retrying {
			j.blame(RuleAttempts, h, ev.At, "attempt %d handed out without a decision to retry", ev.Attempt)
		}
	default:
		j.blame(RuleAttempts, h, ev.At, "attempt %d after attempt %d", ev.Attempt, h.attempt)
	}
	h.attempt, h.fence, h.freed, h.retrying = ev.Attempt, ev.Fence, false, false
	b.open[h.id] = true
}

// reborn reports whether a run that ended may exist again: its job was
// deleted and made anew. One that had started may only where clocks differ:
// the new job's first due times lie behind its making, by whose clock ever.
func (j *judge) reborn(b *book, h *history) bool {
	unstarted := h.final.State == run.StateSkipped || h.final.State == run.StateCancelled
	return j.wasDeleted(b) && (unstarted || j.e.Limits.Skew >= time.Second)
}

func (j *judge) wasDeleted(b *book) bool {
	for _, t := range b.defs {
		if t.def == nil {
			return true
		}
	}
	return false
}

// name notes that a scheduled due time is in the ledger.
func (j *judge) name(b *book, h *history, ev *run.Event) {
	h.due = ev.Due
	if ev.Trigger.Asked() || ev.Reason == run.ReasonUnknownJob {
		return
	}
	at := ev.Due.UnixNano()
	if id, ok := b.named[at]; ok && id != h.id {
		j.blame(RuleDoubled, h, ev.At, "the due time is that of run %s too", id)
	}
	b.named[at] = h.id
}

// over takes a final state.
func (j *judge) over(b *book, h *history, ev *run.Event) {
	if h.final != nil {
		if !j.reborn(b, h) {
			j.blame(RuleFinal, h, ev.At, "ended %s after it had ended %s", ev.State, h.final.State)
		}
		h.begin(h.fence + 1)
	}
	h.final = ev
	delete(b.open, h.id)
}

// retrying holds the decision to try again against the job.
func (j *judge) retrying(b *book, h *history, ev *run.Event) {
	if h.final != nil || ev.Attempt != h.attempt || ev.Outcome == nil || ev.Fence != h.fence {
		j.blame(RuleAttempts, h, ev.At, "a retry of attempt %d fence %d was decided at attempt %d fence %d", ev.Attempt, ev.Fence, h.attempt, h.fence)
		return
	}
	h.retrying = true
	lost := ev.Outcome.State == run.StateLost
	granted := func(d *job.Job) bool {
		if lost {
			return onLoss(d, ev.Outcome.Reason) == job.LostRetry && ev.Attempt < max(d.Retries+1, lostAttempts)
		}
		return ev.Attempt <= d.Retries
	}
	if !j.some(b, ev.At, granted) {
		j.blame(RuleAttempts, h, ev.At, "a retry after attempt %d (%s) is more than the job grants", ev.Attempt, ev.Outcome.State)
	}
	wait := ev.NotBefore.Sub(ev.At)
	rightWait := func(d *job.Job) bool {
		if lost {
			return wait.Abs() <= time.Millisecond
		}
		low, high := backoff(d, ev.Attempt+1)
		return wait >= low-time.Millisecond && wait <= high+time.Millisecond
	}
	if !j.some(b, ev.At, rightWait) {
		j.blame(RuleBackoff, h, ev.At, "the wait before attempt %d is %s", ev.Attempt+1, wait)
	}
}

// onLoss is what becomes of a run that was lost for that reason.
func onLoss(d *job.Job, reason string) job.OnLost {
	if reason == run.ReasonAnnounced {
		return cmp.Or(d.OnAnnounced, d.OnLost)
	}
	return d.OnLost
}

// backoff is between what the wait before an attempt must lie.
func backoff(d *job.Job, attempt int) (low, high time.Duration) {
	b := d.RetryBackoff
	wait := float64(b.Initial) * math.Pow(max(b.Factor, 1), float64(attempt-2))
	if b.Max > 0 {
		wait = min(wait, float64(b.Max))
	}
	return time.Duration(wait * (1 - b.Jitter)), time.Duration(wait * (1 + b.Jitter))
}

// explain asks whether the reason given can be the reason.
func (j *judge) explain(b *book, h *history, ev *run.Event) {
	if why := j.falsehood(b, h, ev, ev.Due); why != "" {
		j.blame(RuleExplanation, h, ev.At, "%q, but %s", ev.Reason, why)
	}
}

func (j *judge) falsehood(b *book, h *history, ev *run.Event, due time.Time) string {
	skew := j.e.Limits.Skew
	has := func(of func(*job.Job) bool) bool { return j.some(b, ev.At, of) }
	switch ev.Reason {
	case run.ReasonOverlap, run.ReasonReplaced, run.ReasonQueueFull:
		return j.noOverlap(b, h, ev)
	case run.ReasonPaused:
		asked := false
		for _, p := range b.pauses {
			asked = asked || !p.At.After(ev.At.Add(skew))
		}
		if !asked && !has(func(d *job.Job) bool { return d.Paused }) {
			return "the job was not paused"
		}
	case run.ReasonMissed:
		if ev.At.Sub(due) <= grace {
			return "it was decided in time"
		}
		caught := func(d *job.Job) bool {
			return d.CatchUp.Policy == job.CatchUpAll && ev.At.Sub(due) <= d.CatchUp.Window
		}
		defs := j.possible(b, ev.At)
		if len(defs) == 1 && caught(defs[0]) {
			return "the job catches up all of its last " + defs[0].CatchUp.Window.String()
		}
	case run.ReasonStartDeadline:
		bound := func(d *job.Job) bool { return d.StartDeadline > 0 }
		handed := h.first(run.EventEnqueued, h.fence) // the run keeps the deadline it was handed out with
		if !has(bound) && (handed == nil || !j.some(b, handed.At, bound)) {
			return "the job has no start deadline"
		}
	case run.ReasonEdited, run.ReasonDeleted:
		if b.edits == 0 {
			return "nobody changed the job"
		}
		if ev.Reason == run.ReasonDeleted && !j.wasDeleted(b) {
			return "nobody deleted the job"
		}
	case run.ReasonCancelled:
		for _, r := range j.e.Requests {
			if r.Type == run.RequestCancel && r.Run == h.id {
				return ""
			}
		}
		return "nobody cancelled it"
	case run.ReasonNoWorker:
		if !h.deferred {
			return "it did not wait for a worker"
		}
	case run.ReasonUnknownJob, run.ReasonInvalidJob, run.ReasonNoQueue, run.ReasonOversized:
	default:
		return "that is no reason"
	}
	return ""
}

// noOverlap is why an earlier run of the job cannot have been in the way.
func (j *judge) noOverlap(b *book, h *history, ev *run.Event) string {
	has := func(of func(*job.Job) bool) bool { return j.some(b, ev.At, of) }
	full := func(d *job.Job) bool { return len(b.open) >= cmp.Or(d.MaxUnfinished, job.MaxUnfinished) }
	if ev.Reason == run.ReasonQueueFull && has(full) {
		return ""
	}
	if !has(func(d *job.Job) bool { return d.Overlap != job.OverlapAllow }) {
		return "the job's runs may overlap"
	}
	jittered := has(func(d *job.Job) bool { return d.Jitter > 0 }) // not in the ledger until staged
	if len(b.open) == 0 && !h.deferred && !jittered {
		return "no other run was unfinished"
	}
	return ""
}

// span takes a row of skipped due times.
func (j *judge) span(b *book, ev *run.Event) {
	b.spans = append(b.spans, *ev)
	j.counts.Skipped += ev.Count
	h := &history{job: ev.Job, due: ev.Due, events: []*run.Event{ev}}
	if why := j.falsehood(b, h, ev, ev.Through); why != "" {
		j.blame(RuleExplanation, h, ev.At, "%q through %s, but %s", ev.Reason, stamp(ev.Through), why)
	}
	most, only := 0, 0
	for _, t := range b.defs {
		if t.def != nil {
			most, only = max(most, t.within(ev.Due, ev.Through)), only+1
		}
	}
	if ev.Count > most {
		j.blame(RuleNotDue, h, ev.At, "%d due times skipped through %s; there are %d", ev.Count, stamp(ev.Through), most)
	}
	if only != 1 || ev.Count < most {
		return // some of the row have an account of their own
	}
	for _, due := range b.defs[0].dues {
		if id, ok := b.named[due.UnixNano()]; ok && !due.Before(ev.Due) && !due.After(ev.Through) {
			j.blame(RuleDoubled, j.runs[id], ev.At, "skipped in a row through %s though it is decided", stamp(ev.Through))
		}
	}
}

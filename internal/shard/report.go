package shard

import (
	"cmp"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// minLostAttempts is how many attempts on_lost: retry grants at the least;
// it keeps a run that kills its workers from doing so for ever.
const minLostAttempts = 3

// report takes a worker's report. One about a handing-out that is no longer
// the run's latest changes nothing.
func (s *Shard) report(in Reported, now time.Time) {
	ev := in.Event
	if !ev.Type.FromWorker() {
		return
	}
	s.read = max(s.read, in.Offset+1)
	e := s.job(ev.Job)
	if e == nil {
		s.stray(ev, now)
		return
	}
	if in.Offset < e.st.Read || e.aside != "" {
		return // in the state already, or of no use
	}
	a := e.st.concerns(&ev)
	if a == nil {
		s.stray(ev, now)
		return
	}
	if a.State == run.StateQueued {
		s.claimed[ev.By] = now
		s.settled(a)
	}
	s.touch(e)
	a.note(&ev)
	switch ev.Type {
	case run.EventClaimed:
		delete(s.stuck, ev.By)
		s.answerClaim(a, &ev, now)
	case run.EventStarting: // noted
	case run.EventFinished:
		s.finished(e, a, ev, now)
	case run.EventReturned:
		s.returned(e, a, ev, now)
	case run.EventDropped:
		if s.unproven(a, &ev) {
			s.recall(e, a, run.ReasonUnclaimed, now)
			break
		}
		s.dropped(e, a, ev.Reason, now)
	case run.EventEnqueued, run.EventSkipped, run.EventRecalling, run.EventRetrying,
		run.EventLost, run.EventEnded, run.EventLate, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventDeferred:
	}
	s.arm(e)
}

// refused takes the word of the shell that a run could not be enqueued.
func (s *Shard) refused(in Refused, now time.Time) {
	e := s.job(in.Run.Job)
	if e == nil {
		return
	}
	if a := e.st.find(in.Run.ID); a != nil && a.key() == in.Run.Key() && a.State == run.StateQueued {
		s.touch(e)
		s.dropped(e, a, in.Reason, now)
		s.arm(e)
	}
}

// stray answers a report about a handing-out that is out of date, or somebody
// else's: a claim is asked back, an end goes into the ledger as too late. Only
// the member that claims is asked: the run may be another's, which holds it.
func (s *Shard) stray(ev run.Event, now time.Time) {
	switch ev.Type {
	case run.EventClaimed:
		s.out.Control = append(s.out.Control, run.Control{
			Type: run.ControlRecall, At: now.UTC(), Cluster: ev.Cluster, Member: ev.By,
			Run: ev.Run, Fence: ev.Fence, Reason: run.ReasonEdited,
		})
	case run.EventStarting, run.EventFinished:
		late := ev
		late.Type, late.Reason, late.Unknown = run.EventLate, string(ev.Type)+" by "+ev.By, nil
		s.event(late, now)
	case run.EventReturned, run.EventDropped, run.EventEnqueued, run.EventSkipped,
		run.EventRecalling, run.EventRetrying, run.EventLost, run.EventEnded, run.EventLate, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventDeferred:
	}
}

// answerClaim repeats a recall to the worker that claimed the run only now: the
// first may have passed before it lived. A worker that asks whether an old run
// still counts is told that it does.
func (s *Shard) answerClaim(a *Active, ev *run.Event, now time.Time) {
	c := run.Control{At: now.UTC(), Cluster: a.Cluster, Run: a.ID, Fence: a.Fence}
	switch {
	case a.Cancel != "":
		c.Type, c.Reason = run.ControlCancel, a.Cancel
	case a.Recall != "":
		c.Type, c.Reason = run.ControlRecall, a.Recall
	case ev.Confirm:
		c.Type, c.Member = run.ControlConfirm, ev.By
	default:
		return
	}
	s.out.Control = append(s.out.Control, c)
}

// finished takes the end of an attempt.
func (s *Shard) finished(e *entry, a *Active, ev run.Event, now time.Time) {
	outcome := ev.Outcome
	if outcome == nil {
		outcome = &run.Outcome{State: run.StateFailed, Reason: "reported without an outcome"}
	}
	switch {
	case outcome.State == run.StateSucceeded:
		s.out.Succeeded = append(s.out.Succeeded, ev)
		s.settled(a)
		e.st.succeed(a, &ev)
		s.beginDeferred(e, now)
	case a.Cancel != "":
		s.end(e, a, run.Event{State: run.StateCancelled, Reason: a.Cancel, Outcome: outcome}, now)
	case outcome.State == run.StateCancelled:
		s.end(e, a, run.Event{State: run.StateCancelled, Reason: outcome.Reason, Outcome: outcome}, now)
	case outcome.State == run.StateLost:
		s.retryLost(e, a, outcome, now)
	default:
		s.retryFailed(e, a, outcome, now)
	}
}

// retryFailed waits the backoff before the next attempt, or gives up.
func (s *Shard) retryFailed(e *entry, a *Active, outcome *run.Outcome, now time.Time) {
	switch {
	case e.def == nil:
		s.giveUp(e, a, outcome, e.undefined(), now)
	case a.Attempt > e.rulesFor(a).Retries:
		s.giveUp(e, a, outcome, run.ReasonAttemptsUsed, now)
	default:
		wait := e.rulesFor(a).BackoffBefore(a.Attempt+1, spread(a.ID, a.Attempt+1))
		s.retry(e, a, outcome, now.Add(wait), now)
	}
}

// retryLost goes as the job's on_lost says.
func (s *Shard) retryLost(e *entry, a *Active, outcome *run.Outcome, now time.Time) {
	if a.Cancel != "" {
		s.end(e, a, run.Event{State: run.StateCancelled, Reason: a.Cancel, Outcome: outcome}, now)
		return
	}
	if e.def == nil || onLoss(e.rulesFor(a), outcome.Reason) != job.LostRetry {
		s.giveUp(e, a, outcome, cmp.Or(outcome.Reason, run.ReasonWorkerLost), now)
		return
	}
	if a.Attempt >= max(e.rulesFor(a).Retries+1, minLostAttempts) {
		s.giveUp(e, a, outcome, run.ReasonAttemptsUsed, now)
		return
	}
	s.retry(e, a, outcome, now, now)
}

// onLoss is what becomes of a started run by that definition that was lost for
// that reason.
func onLoss(def *job.Job, reason string) job.OnLost {
	if reason == run.ReasonAnnounced {
		return cmp.Or(def.OnAnnounced, def.OnLost)
	}
	return def.OnLost
}

// retry makes a wait for its next attempt.
func (s *Shard) retry(e *entry, a *Active, outcome *run.Outcome, at, now time.Time) {
	ev := s.about(e, a, run.EventRetrying)
	ev.Outcome, ev.NotBefore = outcome, at.UTC()
	s.event(ev, now)
	a.await(a.Attempt+1, at)
	s.stageWaiting(e, now)
}

// giveUp ends a as dead and puts it into its cluster's dead letters.
func (s *Shard) giveUp(e *entry, a *Active, outcome *run.Outcome, reason string, now time.Time) {
	letter := run.DeadLetter{
		At: now.UTC(), By: s.cfg.By, Reason: reason, Outcome: outcome,
		Run: &run.Run{
			ID: a.ID, Job: e.st.Job, Cluster: a.Cluster, Due: a.Due.UTC(), NotBefore: a.NotBefore.UTC(),
			Attempt: a.Attempt, Fence: a.Fence, Trigger: a.Trigger, Shard: s.cfg.Shard,
		},
	}
	if e.def != nil {
		letter.Run.Command = e.commandFor(a)
	}
	s.out.Dead = append(s.out.Dead, Dead{Cluster: a.Cluster, Letter: letter})
	s.end(e, a, run.Event{State: run.StateDead, Reason: reason, Outcome: outcome}, now)
}

// returned places a claimed, unstarted run anew. A worker that was out of
// touch may return a run it had announced as starting: it did not start it.
func (s *Shard) returned(e *entry, a *Active, ev run.Event, now time.Time) {
	if a.Recall != "" || a.Cancel != "" {
		s.dropped(e, a, a.Recall, now)
		return
	}
	if s.unproven(a, &ev) {
		s.recall(e, a, run.ReasonUnclaimed, now)
		return
	}
	if ev.Reason == run.ReasonNoSlot {
		a.Hops++
		a.Holder = ev.By // not necessarily known yet: it may return what it claims in one transaction
	}
	s.placeAnew(e, a, now)
}

// unproven reports whether somebody who is not known to be a worker says that it
// claimed a and gave it back in one transaction: the record may lie where it was.
func (s *Shard) unproven(a *Active, ev *run.Event) bool {
	return a.State == run.StateQueued && a.Recall == "" && a.Cancel == "" && !s.lives(ev.By, ev.Incarnation)
}

// placeAnew hands a out again, for the same attempt.
func (s *Shard) placeAnew(e *entry, a *Active, now time.Time) {
	if e.def == nil {
		s.endUnstarted(e, a, e.undefined(), now)
		return
	}
	s.enqueue(e, a, now)
}

// dropped takes a worker's word that it will not start a.
func (s *Shard) dropped(e *entry, a *Active, reason string, now time.Time) {
	if a.Cancel == "" && handsOutAnew(a.Recall) {
		s.placeAnew(e, a, now)
		return
	}
	if a.Recall != "" && a.Cancel == "" && a.Attempt == 1 {
		s.reconsider(e, a, a.Recall, now)
		return
	}
	s.endUnstarted(e, a, reason, now)
}

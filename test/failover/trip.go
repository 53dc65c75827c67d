package main

import (
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
)

// trip is one attempt on its way from the decision to the start of its command.
type trip struct {
	job     string
	id      run.ID
	attempt int
	due     time.Time
	want    time.Time // when it was to start
	trigger run.Trigger

	staged   time.Time // first put on a queue
	claimed  time.Time // by the worker that started it
	starting time.Time // announced by it, before the start
	started  time.Time // its command; zero if never
	// again counts the handings-out after the first.
	again int
	shard int32
}

func (t *trip) late() time.Duration { return max(0, t.started.Sub(t.want)) }

func (t *trip) of(stream string) bool { return strings.HasPrefix(t.job, stream) }

// tripsOf folds the evidence into trips, in no order. The outcome has the instant
// at which the command started; of runs without an outcome the command's own
// line has it, to 10 ms.
func tripsOf(e *check.Evidence) []*trip {
	all := map[run.Key]*trip{} // by run, and attempt in place of the fence
	for i := range e.Events {
		ev := &e.Events[i]
		key := run.Key{ID: ev.Run, Fence: int64(ev.Attempt)}
		t := all[key]
		switch {
		case t == nil && ev.Type == run.EventEnqueued:
			all[key] = &trip{
				job: ev.Job, id: ev.Run, attempt: ev.Attempt, due: ev.Due, want: ev.NotBefore, trigger: ev.Trigger,
				staged: ev.At, shard: topic.Partition(ev.Job, topic.DefaultShards),
			}
		case t != nil:
			t.observe(ev)
		}
	}
	for _, l := range e.Lines {
		t := all[run.Key{ID: l.Run, Fence: int64(l.Attempt)}]
		if t != nil && l.Word == check.WordStart && t.started.IsZero() {
			t.started = l.At
		}
	}
	trips := make([]*trip, 0, len(all))
	for _, t := range all {
		trips = append(trips, t)
	}
	return trips
}

func (t *trip) observe(ev *run.Event) {
	if !t.started.IsZero() {
		return
	}
	switch ev.Type {
	case run.EventEnqueued:
		t.again++
	case run.EventClaimed:
		t.claimed, t.starting = ev.At, time.Time{}
	case run.EventStarting:
		t.starting = ev.At
	case run.EventFinished:
		if ev.Outcome != nil {
			t.started = ev.Outcome.StartedAt
		}
	case run.EventSkipped, run.EventRecalling, run.EventRetrying, run.EventLost, run.EventDeferred, run.EventWithdrawn,
		run.EventEnded, run.EventLate, run.EventReturned, run.EventDropped, run.EventDiscarded, run.EventBackfill:
	}
}

// The steps of a run's way. A late run lost its time at the first step that came
// after the instant at which the run was to start.
const (
	stepStaged   = "decided late"      // its shard put it on a queue after its time
	stepClaimed  = "claimed late"      // no worker had it by then
	stepAnnounce = "announced late"    // its worker sent starting after its time
	stepPermit   = "waited for permit" // announced in time: starting or beats not acknowledged
	stepAgain    = "handed out again"  // a worker returned it, or lost it
)

func steps() []string { return []string{stepStaged, stepClaimed, stepAnnounce, stepPermit, stepAgain} }

func (t *trip) lost() string {
	switch {
	case t.staged.After(t.want):
		return stepStaged
	case t.again > 0:
		return stepAgain
	case t.claimed.After(t.want):
		return stepClaimed
	case t.starting.After(t.want):
		return stepAnnounce
	default:
		return stepPermit
	}
}

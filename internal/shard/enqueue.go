package shard

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// enqueue hands a's attempt out under a new fence.
func (s *Shard) enqueue(e *entry, a *Active, now time.Time) {
	def := e.rulesFor(a)
	env, envNames := e.envFor(a)
	r := run.Run{
		ID: a.ID, Job: e.st.Job, Cluster: def.Cluster, Due: a.Due.UTC(),
		NotBefore: a.NotBefore.UTC(), StagedAt: now.UTC(),
		Attempt: a.Attempt, Trigger: a.Trigger, Hops: a.Hops, Shard: s.cfg.Shard,
		Command: e.commandFor(a), Stdin: def.Stdin, Env: env,
		WorkingDir: def.WorkingDir, User: def.User, Linger: def.Linger, Timeout: def.Timeout, OnLost: def.OnLost,
	}
	if e.def.StartDeadline > 0 && a.Attempt == 1 && a.Trigger == run.TriggerSchedule {
		r.Deadline = r.NotBefore.Add(e.def.StartDeadline)
		if now.After(r.Deadline) {
			s.end(e, a, run.Event{State: run.StateSkipped, Reason: run.ReasonStartDeadline}, now)
			return
		}
	}
	queue := queueOf(a.Attempt)
	if reason := s.whyHeld(queueKey{r.Cluster, queue}); reason != "" {
		s.hold(e, a, reason, now)
		return
	}
	delete(s.placed, a.key())
	e.st.Fence++
	r.Fence = e.st.Fence
	a.Fence, a.Cluster = r.Fence, r.Cluster
	s.out.Enqueue = append(s.out.Enqueue, Enqueue{
		Run: r, Queue: queue, Partition: s.place(queueKey{r.Cluster, queue}, r.Key(), a.Holder),
	})
	a.queued(now)
	ev := s.about(e, a, run.EventEnqueued)
	ev.Trigger, ev.NotBefore, ev.Hops = a.Trigger, r.NotBefore, a.Hops
	ev.Version, ev.EnvNames = e.versionFor(a), envNames
	s.event(ev, now)
}

// about is an event of type t on a.
func (s *Shard) about(e *entry, a *Active, t run.EventType) run.Event {
	return run.Event{
		Type: t, Job: e.st.Job, Run: a.ID, Cluster: a.Cluster,
		Due: a.Due.UTC(), Attempt: a.Attempt, Fence: a.Fence, Backfill: a.Backfill,
	}
}

// end gives a its final state: fin holds State, Reason and Outcome. What the
// job had deferred takes its turn.
func (s *Shard) end(e *entry, a *Active, fin run.Event, now time.Time) {
	ev := s.about(e, a, run.EventEnded)
	ev.Trigger, ev.State, ev.Reason, ev.Outcome = a.Trigger, fin.State, fin.Reason, fin.Outcome
	s.event(ev, now)
	s.settled(a)
	e.st.remember(Summary{ID: a.ID, Due: a.Due, State: fin.State, Attempts: a.Attempt, EndedAt: now.UTC()})
	e.st.remove(a.ID)
	s.beginDeferred(e, now)
}

// queueOf is where the attempt of that number stands in line.
func queueOf(attempt int) run.Queue {
	if attempt > 1 {
		return run.QueueRetries
	}
	return run.QueueRuns
}

// jitter is the run's share of the job's jitter, the same wherever computed.
func jitter(width time.Duration, id run.ID) time.Duration {
	return time.Duration(float64(width) * fraction(string(id))).Truncate(time.Millisecond)
}

// fraction hashes s into [0, 1).
func fraction(s string) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return float64(h.Sum64()>>11) / (1 << 53)
}

// spread is the share of backoff jitter of the attempt.
func spread(id run.ID, attempt int) float64 {
	return fraction(string(id) + "/" + strconv.Itoa(attempt))
}

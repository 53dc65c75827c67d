package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// shards is how many parts the jobs are in, as many as there are by default.
const shards = 8

// sizes are the numbers of jobs that are compared.
func sizes(most int) []int {
	var all []int
	for n := 10_000; n <= most; n *= 10 {
		all = append(all, n)
	}
	return all
}

// definition is the i-th of many jobs: a night job of some team, as people
// write them.
func definition(i int) job.Job {
	j := job.Default()
	j.Name = fmt.Sprintf("team-%d/report-%d", i%97, i)
	j.Description = fmt.Sprintf("Report %d of team %d for the morning", i, i%97)
	j.Cluster = "cluster-a"
	j.Schedule = fmt.Sprintf("%d %d * * *", i%60, i/60%24)
	j.Timezone = []string{"UTC", "Europe/Berlin", "America/New_York"}[i%3]
	j.Command = []string{"/bin/sh", "-c", fmt.Sprintf("/opt/reports/bin/build --report %d --format pdf", i)}
	j.Labels = map[string]string{"team": fmt.Sprintf("team-%d", i%97)}
	j.Source = "jobs/reports.yaml"
	return j.WithDefaults()
}

// core is all shards of a Belfry without Kafka: what the shards decide is
// encoded, and what they are told was decoded.
type core struct {
	shards [shards]*shard.Shard
	now    time.Time
	codec  topic.Codec
	fires  int
	bytes  int
	// told is what to tell each shard next.
	told [shards][]shard.Input
}

// growth measures memory for each job and processor time for each fire with
// ever more jobs. A fire is a due time decided and enqueued, its run's reports
// taken, and all records of that encoded and decoded.
func growth(_ context.Context, o options) error {
	fmt.Printf("%-9s %12s %12s %14s %14s %12s\n", "jobs", "load", "load/job", "heap/job", "heap/job ran", "CPU/fire")
	for _, n := range sizes(o.jobs) {
		before := liveHeap()
		c, took, err := loadCore(n)
		if err != nil {
			return err
		}
		heap := liveHeap() - before
		if err := c.fire(o.fires / 10); err != nil { // warm
			return err
		}
		fired := c.fires
		cpu := cpuTime()
		if err := c.fire(o.fires); err != nil {
			return err
		}
		cpu = cpuTime() - cpu
		ran := liveHeap() - before
		fired = c.fires - fired
		fmt.Printf("%-9d %12s %12s %13dB %13dB %12s\n", n, took.Round(time.Millisecond),
			(took / time.Duration(n)).Round(10*time.Nanosecond), int(heap)/n, int(ran)/n,
			(cpu / time.Duration(fired)).Round(10*time.Nanosecond))
		runtime.KeepAlive(c)
	}
	return nil
}

// loadCore gives n jobs to the shards, as a scheduler does that takes over:
// records are decoded, and each job has a state. It returns the processor
// time that took.
func loadCore(n int) (*core, time.Duration, error) {
	c := &core{codec: topic.NewCodec(), now: time.Date(2026, 11, 2, 0, 0, 30, 0, time.UTC)}
	states := [shards][]shard.JobState{}
	values := make([][]byte, 0, n)
	for i := range n {
		j := definition(i)
		value, err := topic.EncodeJob(topic.Job{AppliedAt: c.now, AppliedBy: "bench", Job: j})
		if err != nil {
			return nil, 0, err
		}
		values = append(values, value)
		p := topic.Partition(j.Name, shards)
		states[p] = append(states[p], shard.JobState{Job: j.Name, Version: j.Version(), Through: c.now, Fence: c.now.UnixMicro()})
	}
	began := cpuTime()
	for p := range c.shards {
		c.shards[p] = shard.New(shard.Config{Shard: int32(p), By: "scheduler-1", Lead: 5 * time.Second}, states[p])
		states[p] = nil
	}
	for i, value := range values {
		j, err := c.codec.DecodeJob(value)
		if err != nil {
			return nil, 0, err
		}
		values[i] = nil
		p := topic.Partition(j.Job.Name, shards)
		c.shards[p].Step([]shard.Input{shard.JobChanged{
			Name: j.Job.Name, Job: &j.Job, AppliedAt: j.AppliedAt, Replayed: true,
		}}, c.now)
	}
	for p := range c.shards {
		c.shards[p].Step([]shard.Input{shard.JobsLoaded{}, shard.Beats{Workers: []member.Member{roomy()}}}, c.now)
	}
	return c, cpuTime() - began, nil
}

// roomy is a worker with room for everything.
func roomy() member.Member {
	slots := member.Slots{Total: 64, Free: 64, Partitions: []int32{0, 1, 2, 3, 4, 5, 6, 7}}
	return member.Member{Beat: member.Beat{
		ID: "worker-1", Role: member.RoleWorker, Incarnation: 1, Seq: 1, Cluster: "cluster-a", Runs: slots, Retries: slots,
	}, Status: member.StatusLive}
}

// fire lets time pass until n more runs were handed out and have ended.
func (c *core) fire(n int) error {
	for until := c.fires + n; c.fires < until; {
		var wake time.Time
		busy := false
		for p, s := range c.shards {
			if w, ok := s.Wake(); ok && (wake.IsZero() || w.Before(wake)) {
				wake = w
			}
			busy = busy || len(c.told[p]) > 0
		}
		switch {
		case busy:
			c.now = c.now.Add(250 * time.Millisecond)
		case wake.IsZero():
			return errors.New("nothing is ever due")
		case wake.After(c.now):
			c.now = wake
		}
		for p, s := range c.shards {
			inputs := c.told[p]
			c.told[p] = nil
			if err := c.take(p, s.Step(inputs, c.now)); err != nil {
				return err
			}
		}
	}
	return nil
}

// take encodes what a shard decided and lets a worker do what it asks for.
func (c *core) take(p int, effects shard.Effects) error {
	for i := range effects.Enqueue {
		r := &effects.Enqueue[i].Run
		value, err := c.codec.EncodeRun(*r)
		if err != nil {
			return err
		}
		c.bytes += len(value)
		c.fires++
		if err := c.live(p, r); err != nil {
			return err
		}
	}
	for _, ev := range effects.Events {
		value, err := c.codec.EncodeEvent(ev)
		if err != nil {
			return err
		}
		c.bytes += len(value)
	}
	for _, st := range effects.States {
		value, err := c.codec.EncodeState(st)
		if err != nil {
			return err
		}
		c.bytes += len(value)
	}
	return nil
}

// live is a run's life on a worker.
func (c *core) live(p int, r *run.Run) error {
	for _, t := range []run.EventType{run.EventClaimed, run.EventStarting, run.EventFinished} {
		ev := run.Event{
			Type: t, Job: r.Job, Run: r.ID, Cluster: r.Cluster, Due: r.Due, Attempt: r.Attempt, Fence: r.Fence,
			At: c.now, By: "worker-1", Incarnation: 1, Beat: 1, Trigger: r.Trigger,
		}
		if t == run.EventFinished {
			ev.Outcome = &run.Outcome{State: run.StateSucceeded, StartedAt: r.Due, EndedAt: r.Due.Add(time.Second)}
		}
		value, err := c.codec.EncodeEvent(ev)
		if err != nil {
			return err
		}
		if ev, err = c.codec.DecodeEvent(value); err != nil {
			return err
		}
		c.told[p] = append(c.told[p], shard.Reported{Event: ev})
	}
	return nil
}

//go:build synctests

package virtual

import (
	"context"
	"errors"
	"hash/fnv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/scheduler"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/worker"
)

// member is one life of a scheduler or worker.
type member struct {
	name string
	host *host
	stop context.CancelFunc
	done chan error
}

// start gives a member a life.
func (w *world) start(name string) *member {
	ctx, stop := context.WithCancel(context.Background())
	m := &member{name: name, host: newHost(&w.network), stop: stop, done: make(chan error, 1)}
	k := w.kafka
	k.Dialer = m.host.dial
	w.members[name] = m
	if strings.HasPrefix(name, "scheduler") {
		go func() {
			m.done <- scheduler.Run(ctx, scheduler.Options{
				Name: name, Kafka: k, Names: w.names, Shards: shards, Lead: scheduler.DefaultLead,
			})
		}()
		return m
	}
	go func() {
		m.done <- worker.Run(ctx, worker.Options{
			Name: name, Cluster: cluster, Queues: []run.Queue{run.QueueRuns, run.QueueRetries}, Slots: 16, RetrySlots: 4,
			Drain: time.Second, Kafka: k, Names: w.names, Shards: shards, Runner: &commands{world: w, member: m},
		})
	}()
	return m
}

// kill is the end that kill -9 brings: nothing gets out any more. What is
// left of the member runs on for a while, and reaches nobody.
func (w *world) kill(m *member) {
	m.host.kill()
	m.stop()
	w.corpses = append(w.corpses, m)
}

// commands runs commands that only take time: how long, and how they end, is
// in the job's name and a hash of the run.
type commands struct {
	world  *world
	member *member
}

// Run is worker.Runner's.
func (c *commands) Run(ctx context.Context, cmd exec.Command, _ exec.Output) run.Outcome {
	begin := time.Now()
	o := run.Outcome{State: run.StateSucceeded, StartedAt: begin.UTC().Round(0)}
	if c.member.host.dead() {
		return o
	}
	line := check.Line{
		Word: check.WordStart, Job: cmd.Identity.Job, Run: run.ID(cmd.Identity.RunID), Attempt: cmd.Identity.Attempt,
		Fence: cmd.Identity.Fence, Host: c.member.name, At: begin.UTC().Round(0),
	}
	c.world.write(line)
	length, exit := behaviour(cmd)
	var timeout <-chan time.Time
	if cmd.Timeout > 0 {
		timeout = time.After(cmd.Timeout)
	}
	select {
	case <-time.After(length):
		line.Word, line.At, line.Exit = check.WordEnd, time.Now().UTC().Round(0), exit
		c.world.write(line)
		if o.ExitCode = exit; exit != 0 {
			o.State = run.StateFailed
		}
	case <-timeout:
		o.State, o.ExitCode = run.StateTimedOut, -1
	case <-ctx.Done():
		o.State, o.ExitCode, o.Reason = run.StateCancelled, -1, context.Cause(ctx).Error()
	case <-c.member.host.died:
		o.State, o.ExitCode, o.Reason = run.StateCancelled, -1, errDead.Error()
	}
	o.EndedAt = time.Now().UTC().Round(0)
	return o
}

// behaviour is how long a command takes, and its exit code.
func behaviour(cmd exec.Command) (time.Duration, int) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(cmd.Identity.RunID))
	dice := h.Sum64()
	length := 100*time.Millisecond + time.Duration(dice%2000)*time.Millisecond
	switch kind, _, _ := strings.Cut(cmd.Identity.Job, "-"); kind {
	case "slow":
		return 10 * length, 0
	case "long":
		return 10*time.Minute + 100*length, 0
	case "hung":
		return time.Hour, 0
	case "failing":
		return length, 3
	case "flaky":
		if cmd.Identity.Attempt <= int(dice%3) {
			return length, 1
		}
	}
	return length, 0
}

// bury waits for what is left of the killed.
func (w *world) bury() error {
	var errs []error
	for _, m := range w.corpses {
		select {
		case err := <-m.done:
			// That it could not report is no surprise.
			w.t.Logf("killed: %s left with %v", m.name, err)
		case <-time.After(10 * time.Minute):
			errs = append(errs, errors.New(m.name+" does not end, though its network is gone"))
		}
	}
	w.corpses = nil
	return errors.Join(errs...)
}

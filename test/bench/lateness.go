package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"slices"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/scheduler"
	"github.com/belfry-cron/belfry/internal/worker"
)

const (
	// fast is a rate at which starting the commands alone would take all that
	// a small machine has.
	fast = 1000
	// fastEvery is how often each job is due.
	fastEvery = 10 * time.Second
	// fastWarm is for how long a tenth of the jobs run, then all of them, before
	// they are measured.
	fastWarm = 90 * time.Second
	// fastPhase is how long each round of it is.
	fastPhase = 20 * time.Second
)

// lateness is what test/bench/core measures.
func lateness(ctx context.Context, o options) error {
	if _, err := o.kafka.options(ctx); err != nil {
		return err
	}
	cmd := osexec.CommandContext(ctx, "go", "run", "github.com/belfry-cron/belfry/test/bench/core")
	cmd.Env = append(os.Environ(), "BELFRY_BROKERS="+o.kafka.brokers)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// handed has two schedulers and two workers in this process hand over as many
// runs a second as fast says, of commands that are not executed, beside as many
// timers.
func handed(ctx context.Context, o options) error {
	s, err := o.kafka.siteApart(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	h := newHanding()
	ctx, stop := context.WithCancel(ctx)
	ended := h.members(ctx, stop, s)
	err = h.rounds(ctx, s, o.rounds)
	stop()
	for range cap(ended) {
		err = errors.Join(err, <-ended)
	}
	return err
}

// fastJob is due each fastEvery, at any instant of it.
func fastJob(i int) job.Job {
	return job.Job{
		Name: fmt.Sprintf("fast-%d", i), Schedule: "*/10 * * * * *", Seconds: true, Jitter: fastEvery,
		Cluster: "cluster-a", Command: []string{"true"}, CatchUp: job.CatchUp{Policy: job.CatchUpAll, Window: time.Hour},
	}.WithDefaults()
}

// handing notes the runs to start, and when they were handed over.
type handing struct {
	mu      sync.Mutex
	runs    map[run.ID]run.Run
	claimed map[run.ID]time.Time // the last time
	at      map[run.ID][]time.Time
}

func newHanding() *handing {
	return &handing{runs: map[run.ID]run.Run{}, claimed: map[run.ID]time.Time{}, at: map[run.ID][]time.Time{}}
}

// members starts two schedulers and two workers, and tells how each ended,
// after it has called stop: there is nothing to measure without one of them.
func (h *handing) members(ctx context.Context, stop func(), s *site) <-chan error {
	ended := make(chan error, 4)
	end := func(err error) {
		stop()
		ended <- err
	}
	for i := range 2 {
		go func() {
			end(scheduler.Run(ctx, scheduler.Options{
				Name: fmt.Sprintf("scheduler-%d", i), Kafka: s.kafka, Names: s.names, Shards: shards, Lead: lead,
			}))
		}()
		go func() { end(h.worker(ctx, s, fmt.Sprintf("worker-%d", i))) }()
	}
	return ended
}

// worker takes runs whose commands are not executed.
func (h *handing) worker(ctx context.Context, s *site, name string) error {
	return worker.Run(ctx, worker.Options{
		Name: name, Cluster: "cluster-a", Queues: []run.Queue{run.QueueRuns},
		Slots: 2 * slots, Drain: time.Second, Kafka: s.kafka, Names: s.names, Shards: s.shards,
		Runner: h, OnEvent: h.event,
	})
}

// event learns that a run is claimed, and when it is to start, which comes
// right before Run.
func (h *handing) event(ev run.Event, r run.Run) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if ev.Type == run.EventClaimed {
		h.claimed[r.ID] = now
	}
	if ev.Type == run.EventStarting {
		h.runs[r.ID] = r
	}
}

// Run is worker.Runner's.
func (h *handing) Run(_ context.Context, c exec.Command, _ exec.Output) run.Outcome {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	id := run.ID(c.Identity.RunID)
	h.at[id] = append(h.at[id], now)
	return run.Outcome{State: run.StateSucceeded, StartedAt: now.UTC(), EndedAt: now.UTC()}
}

// rounds measures after a while of warming, and prints what it finds.
func (h *handing) rounds(ctx context.Context, s *site, n int) error {
	const jobs = fast * int(fastEvery/time.Second)
	for _, share := range []int{jobs / 10, jobs} {
		if err := s.apply(ctx, share, fastJob); err != nil {
			return err
		}
		if err := pause(ctx, fastWarm); err != nil {
			return err
		}
	}
	fmt.Printf("%-14s %8s %6s %8s %9s %9s %9s %9s\n", "", "handed", "lost", "doubled", "p50", "p90", "p99", "worst")
	for round := 1; round <= n; round++ {
		from := time.Now().Add(fastEvery).Truncate(fastEvery)
		timer := beside(spread(from))
		if err := pause(ctx, time.Until(from.Add(fastPhase+fastEvery+settle))); err != nil {
			return err
		}
		late, doubled := h.due(from, from.Add(fastPhase))
		showLate(fmt.Sprintf("timer %d", round), between(timer(), from, from.Add(fastPhase)), 0)
		showLate(fmt.Sprintf("Belfry %d", round), late, doubled)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// settle is how long after a round the last of its runs may be handed over.
const settle = 10 * time.Second

// due returns how late the runs due in [from, to) were.
func (h *handing) due(from, to time.Time) (late []time.Duration, doubled int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, at := range h.at {
		if r := h.runs[id]; !r.Due.Before(from) && r.Due.Before(to) {
			late = append(late, at[0].Sub(r.NotBefore))
			doubled += len(at) - 1
		}
	}
	slices.Sort(late)
	return late, doubled
}

// spread are the instants of a round, evenly apart.
func spread(from time.Time) []time.Time {
	var all []time.Time
	for i := range fast * int(fastPhase/time.Second) {
		all = append(all, from.Add(time.Duration(i)*time.Second/fast))
	}
	return all
}

// beside sets a timer for each instant, and returns what tells how late those
// were that fired.
func beside(instants []time.Time) func() []late {
	var mu sync.Mutex
	var all []late
	for _, due := range instants {
		time.AfterFunc(time.Until(due), func() {
			now := time.Now()
			mu.Lock()
			defer mu.Unlock()
			all = append(all, late{due: due, by: now.Sub(due)})
		})
	}
	return func() []late {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func showLate(name string, late []time.Duration, doubled int) {
	lost := fast*int(fastPhase/time.Second) - len(late)
	fmt.Printf("%-14s %8d %6d %8d %9s %9s %9s %9s\n", name, len(late), lost, doubled,
		quantile(late, 0.5), quantile(late, 0.9), quantile(late, 0.99), quantile(late, 1))
}

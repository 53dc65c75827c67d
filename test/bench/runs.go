package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/internal/worker"
)

// slots is how many commands run at a time.
const slots = 32

// warmRounds do not count: a Kafka that was just started takes about two
// minutes of load to compile itself, on the cores that are measured.
const warmRounds = 5

// runsRatio is how many runs there are for each that os/exec starts.
const runsRatio = 0.7

// runs has one worker empty a queue of /bin/true, and then starts as many
// with os/exec, as many at a time, their output read through pipes.
func runs(ctx context.Context, o options) error { return runsOn(ctx, o, o.kafka.siteApart) }

// runsShared does so on the cores that Kafka uses as well.
func runsShared(ctx context.Context, o options) error { return runsOn(ctx, o, o.kafka.siteShared) }

func runsOn(ctx context.Context, o options, where func(context.Context) (*site, error)) error {
	s, err := where(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	fill, err := s.kafka.Transactional(s.names.Prefix + "fill")
	if err != nil {
		return err
	}
	defer fill.Close()
	t := &tally{}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() {
		ended <- worker.Run(ctx, worker.Options{
			Name: "worker-1", Cluster: "cluster-a", Queues: []run.Queue{run.QueueRuns}, Slots: slots, Drain: time.Second,
			Kafka: s.kafka, Names: s.names, Shards: shards, OnEvent: t.event, Ready: sync.OnceFunc(func() { close(ready) }),
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		return err
	}
	fmt.Printf("%-7s %12s %12s %8s %16s %7s\n", "round", "Belfry", "os/exec", "ratio", "CPU (of bench)", "goal")
	for round := 1 - o.warm(warmRounds); round <= o.rounds; round++ {
		plain, err := plainRuns(ctx, o.runs)
		if err != nil {
			return err
		}
		cpu := cpuTime()
		belfry, err := s.emptyQueue(ctx, fill, t, o.runs, round+warmRounds)
		if err != nil {
			return err
		}
		fmt.Printf("%-7s %10.0f/s %10.0f/s %8.2f %12s/run %7s\n", roundName(round), belfry, plain, belfry/plain,
			((cpuTime() - cpu) / time.Duration(o.runs)).Round(time.Microsecond), counting(round, belfry/plain >= runsRatio))
	}
	stop()
	return <-ended
}

// tally counts a worker's runs.
type tally struct {
	mu          sync.Mutex
	left        int
	first, last time.Time
	done        chan struct{}
}

func (t *tally) begin(n int) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left, t.first, t.done = n, time.Time{}, make(chan struct{})
	return t.done
}

func (t *tally) event(ev run.Event, _ run.Run) {
	if ev.Type != run.EventClaimed && ev.Type != run.EventFinished {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.IsZero() {
		t.first = time.Now()
	}
	if ev.Type == run.EventFinished {
		if t.left--; t.left == 0 {
			t.last = time.Now()
			close(t.done)
		}
	}
}

// emptyQueue returns how many runs a second the worker brings to their end,
// from the first claim to the last report in the log. They are all on their
// queue before the first is seen.
func (s *site) emptyQueue(ctx context.Context, fill *kgo.Client, t *tally, n, round int) (float64, error) {
	done := t.begin(n)
	if err := fill.BeginTransaction(); err != nil {
		return 0, err
	}
	now := time.Now().UTC()
	partitions := topic.DefaultQueuePartitions
	records := make([]*kgo.Record, 0, n)
	for i := range n {
		name := fmt.Sprintf("job-%d", i%200)
		r := run.Run{
			ID: run.NewID(name, now, fmt.Sprintf("%d/%d", round, i)), Job: name, Cluster: "cluster-a", Due: now, NotBefore: now,
			StagedAt: now, Attempt: 1, Fence: int64(round*n + i + 1), Trigger: run.TriggerManual,
			Shard: topic.Partition(name, shards), Command: []string{"/bin/true"}, OnLost: job.LostFail,
		}
		value, err := topic.EncodeRun(r)
		if err != nil {
			return 0, err
		}
		records = append(records, &kgo.Record{
			Topic: s.names.Runs("cluster-a"), Partition: topic.Partition(string(r.ID), partitions), Key: []byte(r.ID), Value: value,
		})
	}
	if err := fill.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return 0, err
	}
	if err := fill.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return 0, err
	}
	select {
	case <-done:
	case <-time.After(burstWait):
		return 0, errors.New("not all runs ended")
	}
	return float64(n) / t.last.Sub(t.first).Seconds(), nil
}

// plainRuns does the same without Belfry.
func plainRuns(ctx context.Context, n int) (float64, error) {
	var group sync.WaitGroup
	var next, failed atomic.Int64
	began := time.Now()
	for range slots {
		group.Go(func() {
			for next.Add(1) <= int64(n) {
				if err := plainRun(ctx, func() {}); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if failed.Load() > 0 {
		return 0, fmt.Errorf("%d of %d plain commands failed", failed.Load(), n)
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// plainRun runs one, and says when it has started.
func plainRun(ctx context.Context, started func()) error {
	cmd := exec.CommandContext(ctx, "/bin/true")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	started()
	var out, errs bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&errs, stderr)
	}()
	_, _ = io.Copy(&out, stdout)
	<-read
	return cmd.Wait()
}

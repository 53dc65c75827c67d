package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
	testsite "github.com/belfry-cron/belfry/test/site"
)

const (
	// decideWait bounds the wait after a phase until all its due times are
	// decided: a machine that is too slow for the rate falls behind.
	decideWait = 2 * time.Minute
	// settle is how long after that the last of its runs may still start
	// before they count as lost.
	settle = 15 * time.Second
)

// resume is how long after the jobs were put into force they are measured.
const resume = 10 * time.Second

// site is a Belfry of two schedulers and two workers.
type site struct {
	dir, out  string
	processes testsite.Site
	second    *testsite.Process // the scheduler that is killed
	kafka     kafka.Options
	names     topic.Names
	rate      int
}

func newSite(ctx context.Context, dir, brokers string, rate int) (*site, error) {
	bin, err := testsite.Binary(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &site{
		dir: dir, out: filepath.Join(dir, "out"), rate: rate,
		names: topic.Names{Prefix: fmt.Sprintf("bench%d.", time.Now().Unix())},
		kafka: kafka.Options{Brokers: strings.Split(brokers, ",")},
	}
	s.processes.Bin, s.processes.Dir = bin, dir
	s.processes.Env = append(os.Environ(), "BELFRY_BROKERS="+brokers, "BELFRY_PREFIX="+s.names.Prefix, "BELFRY_LOG_LEVEL=warn")
	if err := os.Mkdir(s.out, 0o755); err != nil {
		return nil, err
	}
	_, err = s.processes.Run(ctx, "topics", "create")
	return s, err
}

func (s *site) stop() { s.processes.Stop() }

func (s *site) killScheduler() { s.second.Kill() }

// warmUp waits out the first half minute of a cold Kafka, when transactions
// take seconds.
const warmUp = 30 * time.Second

// begin starts everything and lets it run warm.
func (s *site) begin(ctx context.Context) error {
	var err error
	if _, err = s.processes.Start("scheduler-1", "scheduler"); err != nil {
		return err
	}
	if s.second, err = s.processes.Start("scheduler-2", "scheduler"); err != nil {
		return err
	}
	for _, name := range []string{"worker-1", "worker-2"} {
		if _, err := s.processes.Start(name, "worker", "--cluster", "cluster-a", "--slots", "64"); err != nil {
			return err
		}
	}
	if err := s.apply(ctx, false); err != nil {
		return err
	}
	return wait(ctx, warmUp)
}

// apply puts the jobs into force: each is due every second, and a second of
// jitter spreads them over it. Paused, they leave the machine to others.
func (s *site) apply(ctx context.Context, paused bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "defaults: {seconds: true, jitter: 1s, paused: %t, env: {OUT: %q}, catch_up: {policy: all, window: 1h}}\njobs:\n",
		paused, s.out)
	for i := range s.rate {
		fmt.Fprintf(&b, "  - {name: bench-%d, schedule: '* * * * * *', command: %q}\n", i, stamp)
	}
	path := filepath.Join(s.dir, "jobs.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return err
	}
	_, err := s.processes.Run(ctx, "apply", "-f", path)
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// measure watches one phase; meanwhile is called as it begins.
func (s *site) measure(ctx context.Context, name string, phase time.Duration, meanwhile func()) (result, error) {
	if err := s.apply(ctx, false); err != nil {
		return result{}, err
	}
	from := time.Now().Add(resume).Truncate(time.Second)
	to := from.Add(phase)
	if err := wait(ctx, time.Until(from)); err != nil {
		return result{}, err
	}
	meanwhile()
	if err := wait(ctx, time.Until(to)); err != nil {
		return result{}, err
	}
	// Not before all is decided: who falls behind would explain by the pause
	// what it had not come to.
	wanted, err := s.allWanted(ctx, from, to)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := s.apply(ctx, true); err != nil {
		return result{}, err
	}
	if err := wait(ctx, settle); err != nil {
		return result{}, err
	}
	return compare(name, s.out, wanted)
}

// allWanted returns when each run due in [from, to) was to start, once every
// due time of every job is decided.
func (s *site) allWanted(ctx context.Context, from, to time.Time) (map[string]time.Time, error) {
	want := s.rate * int(to.Sub(from)/time.Second)
	for limit := time.Now().Add(decideWait); ; {
		wanted, err := s.wanted(ctx, from, to)
		if err != nil || len(wanted) == want {
			return wanted, err
		}
		if time.Now().After(limit) {
			return nil, fmt.Errorf("the ledger names %d runs, expected %d", len(wanted), want)
		}
		if err := wait(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

// wanted reads off the ledger when the runs due in [from, to) were to start.
func (s *site) wanted(ctx context.Context, from, to time.Time) (map[string]time.Time, error) {
	wanted := map[string]time.Time{}
	err := kafka.ReadAll(ctx, s.kafka, s.names.Events(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		e, err := topic.DecodeEvent(r.Value)
		if err != nil {
			return err
		}
		if e.Type == run.EventSkipped && !e.Due.Before(from) && e.Due.Before(to) {
			return errors.New("a due time was skipped: " + e.Reason)
		}
		if e.Type == run.EventEnqueued && e.Attempt == 1 && !e.Due.Before(from) && e.Due.Before(to) {
			wanted[e.Job+","+string(e.Run)] = e.NotBefore
		}
		return nil
	})
	return wanted, err
}

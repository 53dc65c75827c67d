package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
	testsite "github.com/belfry-cron/belfry/test/site"
)

const (
	// takeoverRate is how many of the shard's jobs are due each second.
	takeoverRate = 100
	takeoverGoal = 3 * time.Second
	// takeoverSteady is how long the shard is at work before its owner dies.
	takeoverSteady = 10 * time.Second
	// takeoverLimit bounds each wait for a scheduler.
	takeoverLimit = 3 * time.Minute
)

// takeover kills the owner of one large shard, again and again, on the
// embedded broker as a server and on Kafka.
func takeover(ctx context.Context, o options) (err error) {
	embedded := &cluster{embedded: true}
	defer func() { err = errors.Join(err, embedded.stop()) }()
	fmt.Printf("%-9s %8s %10s %10s %10s %12s %6s\n", "", "jobs", "detected", "first fire", "together", "plain read", "goal")
	for _, c := range []*cluster{embedded, o.kafka} {
		if err := takeoversOn(ctx, o, c); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	return nil
}

func takeoversOn(ctx context.Context, o options, c *cluster) error {
	s, err := c.siteOf(ctx, 1)
	if err != nil {
		return err
	}
	defer s.close()
	p, err := newPlace(ctx)
	if err != nil {
		return err
	}
	defer p.leave()
	p.reach(s)
	ctx, stop := context.WithCancel(ctx)
	h, ended := newHanding(), make(chan error, 1)
	go func() { ended <- h.worker(ctx, s, "worker-1") }()
	w := &witness{}
	watched := w.watch(ctx, s)
	err = p.takeovers(ctx, o, s, w, c.String())
	stop()
	return errors.Join(err, <-ended, <-watched)
}

// takeovers prints one row for each death.
func (p *place) takeovers(ctx context.Context, o options, s *site, w *witness, where string) error {
	schedulers := map[string]*testsite.Process{}
	start := func(name string) (err error) {
		if schedulers[name], err = p.Start(name, "scheduler", "--clusters", "cluster-a", "--quiet"); err != nil {
			return err
		}
		return w.await(ctx, name+" to beat", func() bool { return w.lives(name) })
	}
	// The jobs at rest come first: all have a state before any is due.
	if err := s.apply(ctx, o.shard-takeoverRate, definition); err != nil {
		return err
	}
	if err := start("scheduler-1"); err != nil {
		return err
	}
	if err := s.apply(ctx, takeoverRate, everySecond); err != nil {
		return err
	}
	if err := start("scheduler-2"); err != nil {
		return err
	}
	for range o.rounds {
		// With a new scheduler the shard may change hands in peace.
		err := w.await(ctx, "the shard's owner to enqueue", func() bool { return w.owner() != "" && w.owner() == w.committer() })
		if err != nil {
			return err
		}
		if err := pause(ctx, takeoverSteady); err != nil {
			return err
		}
		victim, killed := w.owner(), time.Now()
		schedulers[victim].Kill()
		var detected, fired time.Time
		err = w.await(ctx, "another owner to enqueue", func() bool {
			detected, fired = w.successor(victim, killed)
			return !fired.IsZero()
		})
		if err != nil {
			return err
		}
		read, err := s.plainRead(ctx, []int32{0}, s.names.State(), s.names.Jobs())
		if err != nil {
			return err
		}
		const unit = 10 * time.Millisecond
		fmt.Printf("%-9s %8d %10s %10s %10s %12s %6s\n", where, o.shard, detected.Sub(killed).Round(unit),
			fired.Sub(detected).Round(unit), fired.Sub(killed).Round(unit), read.Round(unit), met(fired.Sub(killed) <= takeoverGoal))
		if err := start(victim); err != nil {
			return err
		}
	}
	return nil
}

// witness follows the beats, which say whose the shard is, and the events,
// which say who commits.
type witness struct {
	mu     sync.Mutex
	view   member.View
	owners []sighting
	// committers enqueued runs: each is there with its first after another's.
	committers []sighting
}

type sighting struct {
	name string
	at   time.Time
}

// watch follows them until ctx ends.
func (w *witness) watch(ctx context.Context, s *site) <-chan error {
	ended := make(chan error, 1)
	follow := func(name string, isolation kafka.Isolation, each func(*kgo.Record) error) error {
		err := kafka.Follow(ctx, s.kafka, name, nil, isolation, each)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	go func() {
		beats := make(chan error, 1)
		go func() { beats <- follow(s.names.Members(), kafka.ReadUncommitted, w.beat) }()
		err := follow(s.names.Events(), kafka.ReadCommitted, w.event)
		ended <- errors.Join(err, <-beats)
	}()
	return ended
}

func (w *witness) beat(r *kgo.Record) error {
	b, err := topic.DecodeBeat(r.Value)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.view.Observe(r.Partition, b)
	w.owners = sight(w.owners, w.view.Owners(1)[0])
	return nil
}

func (w *witness) event(r *kgo.Record) error {
	ev, err := topic.DecodeEvent(r.Value)
	if err != nil || ev.Type != run.EventEnqueued {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.committers = sight(w.committers, ev.By)
	return nil
}

// sight adds a name unless it was the last.
func sight(all []sighting, name string) []sighting {
	if len(all) > 0 && all[len(all)-1].name == name {
		return all
	}
	return append(all, sighting{name, time.Now()})
}

func last(all []sighting) string {
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].name
}

func (w *witness) owner() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return last(w.owners)
}

func (w *witness) committer() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return last(w.committers)
}

func (w *witness) lives(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.view.Find(name)
	return ok && m.Status == member.StatusLive
}

// successor tells since when another than the victim owns the shard, and when
// that one's first fire was to be read; zero if it was not yet.
func (w *witness) successor(victim string, killed time.Time) (owns, fired time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := func(all []sighting) time.Time {
		i := slices.IndexFunc(all, func(s sighting) bool { return s.name != victim && s.at.After(killed) })
		if i < 0 {
			return time.Time{}
		}
		return all[i].at
	}
	return first(w.owners), first(w.committers)
}

// await waits until the witness has seen something.
func (w *witness) await(ctx context.Context, what string, seen func() bool) error {
	for limit := time.Now().Add(takeoverLimit); !seen(); {
		if time.Now().After(limit) {
			return fmt.Errorf("waited %s in vain for %s", takeoverLimit, what)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

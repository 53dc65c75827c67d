package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// instantSlots is how many commands run at a time.
	instantSlots = 64
	instantSpan  = 20 * time.Second
	// instantRest is how long after a span nobody looks at what started, so that
	// looking takes no time from what is a little late.
	instantRest = 3 * time.Second
	// instantLimit is how long after a span its last commands may start. Those
	// that have not count as started then.
	instantLimit = time.Minute
	// instantGoal is how much later than os/exec's a command may start, at p99.
	instantGoal = 1.5
)

// instant has `belfry up` start commands that are due at the same instant of
// each second, in turn with os/exec that a timer tells to start as many, as
// many at a time.
func instant(ctx context.Context, o options) error {
	p, err := newPlace(ctx)
	if err != nil {
		return err
	}
	defer p.leave()
	span := o.span(instantSpan)
	fmt.Printf("%-8s %-10s %8s %6s %9s %9s %9s %9s %6s %6s\n", "at once", "", "started", "not", "p50", "p90", "p99", "worst", "busy", "goal")
	for _, n := range []int{1000, 100} {
		for round := 1; round <= o.rounds; round++ {
			plain, err := plainInstants(ctx, n, span)
			if err != nil {
				return err
			}
			plain.show(n, fmt.Sprintf("os/exec %d", round), "")
			belfry, err := p.instants(ctx, n, span)
			if err != nil {
				return err
			}
			ratio := quantile(belfry.late, 0.99).Seconds() / quantile(plain.late, 0.99).Seconds()
			belfry.show(n, fmt.Sprintf("Belfry %d", round), met(ratio <= instantGoal))
		}
	}
	return nil
}

// instants are how late the commands of a span started, sorted, how many of
// them did not, and what share of the machine was busy until the span's end.
type instants struct {
	late   []time.Duration
	absent int
	busy   float64
}

func (r instants) show(n int, name, goal string) {
	fmt.Printf("%-8d %-10s %8d %6d %9s %9s %9s %9s %5.0f%% %6s\n", n, name, len(r.late)-r.absent, r.absent,
		quantile(r.late, 0.5), quantile(r.late, 0.9), quantile(r.late, 0.99), quantile(r.late, 1), 100*r.busy, goal)
}

// plainInstants starts n commands at each second of a span with os/exec.
func plainInstants(ctx context.Context, n int, span time.Duration) (instants, error) {
	from := time.Now().Add(2 * time.Second).Truncate(time.Second)
	seconds := int(span / time.Second)
	asked := make(chan time.Time, n*seconds) // has room for all: the timer never waits
	var mu sync.Mutex
	var all []late
	var failed error
	var group sync.WaitGroup
	for range instantSlots {
		group.Go(func() {
			for due := range asked {
				err := plainRun(ctx, func() {
					now := time.Now()
					mu.Lock()
					defer mu.Unlock()
					all = append(all, late{due: due, by: now.Sub(due)})
				})
				if err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	busy := busySince()
	var err error
	for i := 0; i < seconds && err == nil; i++ {
		due := from.Add(time.Duration(i) * time.Second)
		if err = pause(ctx, time.Until(due)); err != nil {
			break
		}
		for range n {
			asked <- due
		}
	}
	if err == nil {
		err = pause(ctx, time.Until(from.Add(span)))
	}
	share := busy()
	close(asked)
	group.Wait()
	return instants{late: between(all, from, from.Add(span)), busy: share}, errors.Join(err, failed)
}

// instants has a new `belfry up` start as many. Its start lateness is what the
// runs' outcomes say.
func (p *place) instants(ctx context.Context, n int, span time.Duration) (instants, error) {
	s, _, process, err := p.up(ctx, "--slots", fmt.Sprint(instantSlots))
	if err != nil {
		return instants{}, err
	}
	defer s.close()
	defer process.Kill()
	if err := s.apply(ctx, n, everySecond); err != nil {
		return instants{}, err
	}
	// Behind those that were due within a lead when the jobs came into force.
	from := time.Now().Add(lead + 2*time.Second).Truncate(time.Second)
	to := from.Add(span)
	if err := pause(ctx, time.Until(from)); err != nil {
		return instants{}, err
	}
	busy := busySince()
	if err := pause(ctx, time.Until(to)); err != nil {
		return instants{}, err
	}
	r := instants{busy: busy()}
	// The jobs go on being due: to pause them would take back what is late.
	if err := pause(ctx, instantRest); err != nil {
		return instants{}, err
	}
	starts, err := s.starts(ctx, n*int(span/time.Second), from, to)
	if err != nil {
		return instants{}, err
	}
	all := make([]late, 0, len(starts))
	for i := range n {
		for due := from; due.Before(to); due = due.Add(time.Second) {
			at, ok := starts[run.NewID(everySecond(i).Name, due, "")]
			if !ok {
				r.absent++
				at = to.Add(instantLimit)
			}
			all = append(all, late{due: due, by: at.Sub(due)})
		}
	}
	r.late = between(all, from, to)
	return r, nil
}

// starts returns when each run due in [from, to) started, once it knows of n
// or the limit has passed.
func (s *site) starts(ctx context.Context, n int, from, to time.Time) (map[run.ID]time.Time, error) {
	ctx, cancel := context.WithDeadline(ctx, to.Add(instantLimit))
	defer cancel()
	starts := make(map[run.ID]time.Time, n)
	err := kafka.Follow(ctx, s.kafka, s.names.Events(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		ev, err := topic.DecodeEvent(r.Value)
		if err != nil || ev.Type != run.EventFinished || ev.Due.Before(from) || !ev.Due.Before(to) {
			return err
		}
		if starts[ev.Run] = ev.Outcome.StartedAt; len(starts) == n {
			cancel()
		}
		return nil
	})
	if errors.Is(err, context.Canceled) && len(starts) == n || errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return starts, err
}

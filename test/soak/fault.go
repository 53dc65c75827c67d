package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/test/site"
)

const (
	// afterwards is how long after a fault was undone its effects last.
	afterwards = 10 * time.Second
	// longFreeze has the started runs of a worker taken for lost.
	longFreeze = 36 * time.Second
)

// fault is one thing that was done, and whether it was seen to work.
type fault struct {
	Name, Victim string
	From, Until  time.Time
	worked       bool
}

// landed reports whether the victim was at work when it was hit: a member
// must have written an event shortly before.
func (f *fault) landed(e *check.Evidence) bool {
	if !f.worked || f.Victim == "" {
		return f.worked
	}
	for i := range e.Events {
		ev := &e.Events[i]
		if ev.By == f.Victim && ev.At.Before(f.From) && ev.At.After(f.From.Add(-afterwards)) {
			return true
		}
	}
	return false
}

// faultsUntil does one fault after the other: those of one turn in an order
// that follows from the seed, each kind once.
func (w *world) faultsUntil(ctx context.Context, from, until time.Time) error {
	kinds := []string{"kill scheduler", "freeze worker", "kill broker", "freeze scheduler", "kill worker", "freeze broker"}
	turn := slices.Clone(kinds)
	at := from.Add(w.o.every / 2)
	for i := 0; at.Add(w.o.every / 2).Before(until.Add(time.Second)); i++ {
		if i%len(kinds) == 0 {
			w.dice.Shuffle(len(turn), func(a, b int) { turn[a], turn[b] = turn[b], turn[a] })
		}
		if err := wait(ctx, max(0, time.Until(at))); err != nil {
			return err
		}
		f, err := w.fault(ctx, turn[i%len(turn)], i/len(turn))
		if err != nil {
			return fmt.Errorf("%s: %w", turn[i%len(turn)], err)
		}
		w.faults = append(w.faults, f)
		w.mu.Lock()
		say("%s, %s; until now %d handed out, %d started, %d ended", f.Name, f.Until.Sub(f.From).Round(time.Second/10),
			w.ledger.Handed, w.ledger.Started, w.ledger.Ended)
		w.mu.Unlock()
		for at = at.Add(w.o.every); at.Before(time.Now()); {
			at = at.Add(w.o.every)
		}
	}
	return nil
}

// fault does one, waits, and undoes it.
func (w *world) fault(ctx context.Context, kind string, turn int) (fault, error) {
	broker := w.dice.IntN(3)
	scheduler, worker := fmt.Sprintf("scheduler-%d", 1+w.dice.IntN(2)), fmt.Sprintf("worker-%d", 1+w.dice.IntN(3))
	brief := min(w.o.every/2, 6*time.Second+time.Duration(w.dice.Int64N(int64(6*time.Second))))
	f := fault{From: time.Now().UTC().Round(0)}
	var err error
	switch kind {
	case "kill scheduler":
		f.Victim = scheduler
		err = w.kill(ctx, &f, brief)
	case "kill worker":
		f.Victim = worker
		err = w.kill(ctx, &f, brief)
	case "freeze scheduler":
		f.Victim = scheduler
		err = w.freeze(ctx, &f, brief)
	case "freeze worker":
		if turn%2 == 1 {
			brief = longFreeze
		}
		f.Victim = worker
		err = w.freeze(ctx, &f, brief)
	case "kill broker":
		f.Name = fmt.Sprintf("kill broker-%d", broker+1)
		if err = w.brokers.Kill(broker); err == nil {
			f.worked = true
			err = wait(ctx, brief)
		}
		if err == nil {
			err = w.brokers.Restart(ctx, broker)
		}
	case "freeze broker":
		f.Name = fmt.Sprintf("freeze broker-%d", broker+1)
		if err = w.brokers.Freeze(broker); err == nil {
			err = wait(ctx, brief)
			f.worked = site.Stopped(w.brokers.Pids()[fmt.Sprintf("broker-%d", broker+1)])
			err = w.thaw(broker, err)
		}
	}
	f.Until = time.Now().UTC().Round(0)
	return f, err
}

func (w *world) thaw(broker int, before error) error {
	if err := w.brokers.Thaw(broker); err != nil {
		return err
	}
	return before
}

func (w *world) kill(ctx context.Context, f *fault, d time.Duration) error {
	p := w.members[f.Victim]
	f.Name, f.worked = "kill "+f.Victim, p.Alive()
	p.Kill()
	if err := wait(ctx, d); err != nil {
		return err
	}
	return w.start(f.Victim)
}

func (w *world) freeze(ctx context.Context, f *fault, d time.Duration) error {
	p := w.members[f.Victim]
	f.Name = "freeze " + f.Victim
	if err := p.Freeze(); err != nil {
		return err
	}
	err := wait(ctx, d)
	f.worked = p.Frozen()
	if thawed := p.Thaw(); thawed != nil {
		return thawed
	}
	return err
}

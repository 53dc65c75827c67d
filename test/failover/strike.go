package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/belfry-cron/belfry/test/site"
)

// strike is one fault. The undisturbed window begins at Calm, the broker is struck
// at At and given back at Undone, every partition has all replicas again at
// Whole, and the window with the fault ends at End.
type strike struct {
	Kafka  string    `json:"kafka"`
	Kind   string    `json:"fault"`
	Broker int       `json:"broker"` // from 1
	Member string    `json:"member,omitempty"`
	Load   string    `json:"load"` // of the machine, when it was struck
	Calm   time.Time `json:"calm_from"`
	At     time.Time `json:"at"`
	Undone time.Time `json:"undone"`
	Whole  time.Time `json:"whole"`
	End    time.Time `json:"end"`
	Held   holdings  `json:"held"`

	// Without is the time until Kafka went on without the broker, 0 if it was
	// given back before. Served is the time until every partition could be
	// written for good.
	Without seconds `json:"without"`
	Served  seconds `json:"served"`

	landed bool
}

func (k *strike) name() string {
	name := fmt.Sprintf("%s broker-%d", k.Kind, k.Broker)
	if k.Member != "" {
		name += " and " + k.Member
	}
	return name
}

// margin lies between the undisturbed window and the strike: a run that was to
// start right before the strike may be held up by it.
const margin = 2 * time.Second

// windows returns the undisturbed window and the window with the fault.
func (k *strike) windows() (calm, fault window) {
	from := k.At.Add(-margin)
	return window{k.Calm, from}, window{from, k.End}
}

// strikeAll strikes one broker after the other, from the leader of the beats
// on.
func (s *session) strikeAll(ctx context.Context, round int) error {
	first := -1
	for n := range s.o.brokers {
		say("partitions are given to their first replicas")
		if err := s.overseer.balance(ctx); err != nil {
			return err
		}
		if first < 0 {
			var err error
			if first, err = s.overseer.beatsLeader(ctx, s.names); err != nil {
				return err
			}
		}
		if err := wait(ctx, rest); err != nil {
			return err
		}
		k := &strike{Kafka: s.brokers.Version(), Kind: s.kind.name, Broker: (first+n)%brokers + 1, Calm: now()}
		if s.kind.member != "" {
			k.Member = fmt.Sprintf("%s-%d", s.kind.member, (round+n)%2+1)
		}
		if err := s.strike(ctx, k); err != nil {
			return fmt.Errorf("%s: %w", k.name(), err)
		}
		s.strikes = append(s.strikes, k)
	}
	return nil
}

// strike measures the load undisturbed, then strikes and gives back.
func (s *session) strike(ctx context.Context, k *strike) error {
	say("%s: %s without a fault", k.name(), s.o.calm)
	if err := wait(ctx, s.o.calm); err != nil {
		return err
	}
	var err error
	if k.Held, err = s.overseer.holdings(ctx, s.names, int32(k.Broker)); err != nil {
		return err
	}
	var gone []int32
	for n := range s.kind.victims {
		gone = append(gone, int32((k.Broker-1+n)%brokers+1))
	}
	k.Load, k.At = load(), now()
	say("%s, at a load of %s", k.name(), k.Load)
	w := s.overseer.watch(ctx, gone)
	err = errors.Join(s.hit(ctx, k, gone), s.giveBack(ctx, k, gone, w))
	if err == nil {
		k.Whole, err = s.overseer.await(ctx, wholeLimit, func(all []kadm.PartitionDetail) bool {
			return whole(all) && s.overseer.answer(ctx, gone)
		})
	}
	without, serving := w.end()
	if err != nil {
		return err
	}
	if !without.IsZero() && without.Before(k.Undone) {
		k.Without = secondsOf(without.Sub(k.At))
	}
	k.Served = secondsOf(earlier(serving, k.Whole).Sub(k.At))
	say("%s: Kafka went on without it after %.1f s, was whole again %.1f s after it was given back",
		k.name(), k.Without, k.Whole.Sub(k.Undone).Seconds())
	if err := wait(ctx, rest); err != nil {
		return err
	}
	k.End = now()
	return nil
}

// hit strikes the brokers, and the member if one is to die with them, and lets
// them be gone.
func (s *session) hit(ctx context.Context, k *strike, gone []int32) error {
	for _, id := range gone {
		if err := s.kind.strike(ctx, s.brokers, int(id)-1); err != nil {
			return err
		}
	}
	k.landed = true
	away := s.o.away
	if k.Member != "" {
		s.members[k.Member].Kill()
		if err := wait(ctx, min(away, memberAway)); err != nil {
			return err
		}
		if err := s.start(k.Member); err != nil {
			return err
		}
		away -= min(away, memberAway)
	}
	if s.kind.brief {
		return nil
	}
	if err := wait(ctx, away); err != nil {
		return err
	}
	if s.kind.name == "freeze" {
		k.landed = site.Stopped(s.brokers.Pids()[fmt.Sprintf("broker-%d", k.Broker)])
	}
	return nil
}

// giveBack undoes what hit did, also when interrupted.
func (s *session) giveBack(ctx context.Context, k *strike, gone []int32, w *watch) error {
	var errs []error
	for _, id := range gone {
		errs = append(errs, s.kind.undo(ctx, s.brokers, int(id)-1))
	}
	k.Undone = now()
	w.back()
	return errors.Join(errs...)
}

func now() time.Time { return time.Now().UTC().Round(0) }

// load is the load average of the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

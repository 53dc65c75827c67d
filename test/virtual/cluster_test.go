//go:build synctests

package virtual

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/test/site"
)

// asked reads what to live through from the environment: SPAN=24h SEED=7.
func asked(t *testing.T) (span time.Duration, seed uint64) {
	t.Helper()
	var err error
	span, seed = 40*time.Minute, 1
	if text := os.Getenv("SPAN"); text != "" {
		span, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	if text := os.Getenv("SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	return span, seed
}

// settle bounds how long after the last fault runs may take to end.
const settle = 30 * time.Minute

func TestHoursWithMembersKilledAndCutOff(t *testing.T) {
	span, seed := asked(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		for _, name := range []string{"scheduler-1", "scheduler-2", "worker-1", "worker-2", "worker-3"} {
			w.start(name)
		}
		w.populate()
		from := time.Now()
		w.pass(time.Minute)
		for i := 0; time.Since(from) < span; i++ {
			w.fault(i)
			w.disturb()
			w.pass(time.Duration(30+w.dice.IntN(120)) * time.Second)
		}
		until := time.Now()
		w.settle(until)
		for _, m := range w.members {
			m.stop()
			require.NoError(t, <-m.done, m.name)
		}
		require.NoError(t, w.bury())
		w.pass(time.Minute) // for who follows the topics

		e, err := site.Collect(w.read, w.names, []string{cluster})
		require.NoError(t, err)
		e.From, e.Until, e.Lines, e.Faults = from.UTC().Round(0), until.UTC().Round(0), w.lines, w.faults
		e.Limits = check.Limits{
			MinStarts: int(span / time.Minute), Skew: 50 * time.Millisecond, Late: 2 * time.Second,
			Recall: 2500 * time.Millisecond, Kill: time.Second,
		}
		r, err := check.Judge(e)
		require.NoError(t, err)
		require.Equal(t, check.Pass, r.Verdict, "seed %d, %d faults: %s", seed, len(w.faults), r)
		t.Logf("seed %d, %s, %d faults: %s", seed, span, len(w.faults), r)
	})
}

// pass lets time pass.
func (w *world) pass(d time.Duration) { <-time.After(d) }

// settle waits until what began by an instant has ended.
func (w *world) settle(until time.Time) {
	w.t.Helper()
	open := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.ledger.Open(until)
	}
	for limit := time.Now().Add(settle); open() > 0 && time.Now().Before(limit); {
		w.pass(10 * time.Second)
	}
}

// fault does one thing to the system and undoes it: each kind in turn.
func (w *world) fault(i int) {
	w.t.Helper()
	kind := []string{"kill scheduler", "cut worker", "kill worker", "cut scheduler", "kill all", "Kafka away"}[i%6]
	f := check.Fault{Name: kind, From: time.Now().UTC(), Landed: true}
	short := time.Duration(1+w.dice.IntN(20)) * time.Second
	long := time.Duration(1+w.dice.IntN(90)) * time.Second
	schedulers := []string{fmt.Sprintf("scheduler-%d", 1+w.dice.IntN(2))}
	workers := []string{fmt.Sprintf("worker-%d", 1+w.dice.IntN(3))}
	everyone := []string{"scheduler-1", "scheduler-2", "worker-1", "worker-2", "worker-3"}
	switch kind {
	case "kill scheduler":
		w.killFor(short, schedulers)
	case "kill worker":
		w.killFor(long, workers)
	case "kill all":
		w.killFor(short, everyone)
	case "cut scheduler":
		w.cutFor(short, schedulers)
	case "cut worker":
		w.cutFor(long, workers)
	case "Kafka away":
		w.cutFor(2*long, everyone)
	}
	f.Until = time.Now().Add(2 * time.Minute).UTC()
	w.faults = append(w.faults, f)
}

func (w *world) killFor(d time.Duration, names []string) {
	for _, name := range names {
		w.kill(w.members[name])
	}
	w.pass(d)
	for _, name := range names {
		w.start(name)
	}
}

func (w *world) cutFor(d time.Duration, names []string) {
	for _, name := range names {
		w.members[name].host.cut()
	}
	w.pass(d)
	for _, name := range names {
		w.members[name].host.mend()
	}
}

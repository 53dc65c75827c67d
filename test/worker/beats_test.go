package worker

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/test/site"
)

func TestBeatsAreWellFormedAndKeepTheirRhythm(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	before := time.Now()
	w.worker("w")
	w.until(time.Now().Add(10 * time.Second))
	beats, stored := w.beats("w")
	require.GreaterOrEqual(t, len(beats), 10)
	var gaps []time.Duration
	for i, b := range beats {
		require.Equal(t, member.RoleWorker, b.Role)
		require.Equal(t, w.id("w"), b.ID)
		require.Equal(t, cluster, b.Cluster)
		require.Equal(t, 1, b.V)
		require.Equal(t, beats[0].Incarnation, b.Incarnation, "one life has one number")
		require.Equal(t, int64(i+1), b.Seq, "beats are numbered from 1, without gaps")
		require.WithinDuration(t, stored[i], b.At, 2*time.Second)
		require.Equal(t, slots, b.Runs.Total)
		require.Equal(t, retrySlots, b.Retries.Total)
		require.Equal(t, slots, b.Runs.Free, "it holds nothing")
		require.Zero(t, b.Staged()+b.Running())
		require.False(t, b.Leaving)
		if i > 0 {
			gaps = append(gaps, stored[i].Sub(stored[i-1]))
		}
	}
	last := beats[len(beats)-1]
	require.Equal(t, []int32{0, 1, 2}, last.Runs.Partitions, "the only worker reads all")
	require.Equal(t, []int32{0, 1, 2}, last.Retries.Partitions)
	require.GreaterOrEqual(t, last.Incarnation, before.UnixNano(), "a life is numbered by the instant of its start, in ns")
	slices.Sort(gaps)
	require.InDelta(t, time.Second, gaps[len(gaps)/2], float64(150*time.Millisecond), "the median gap")
	require.Less(t, gaps[len(gaps)-1], 2500*time.Millisecond, "the longest gap: a worker this silent starts nothing")
}

// TestBeatsListWhatIsHeld: a shard takes a run away from a live worker that
// does not list it three beats after the claim.
func TestBeatsListWhatIsHeld(t *testing.T) {
	w := newWorld(t, 20*time.Second)
	w.worker("w")
	w.apply(`  - {name: long, command: '` + site.Note + `note start; sleep 5'}
  - {name: later, schedule: "` + at(time.Now().Add(18*time.Second)) + `", seconds: true, command: ['true']}
`)
	w.await("both to be claimed", func() bool { return len(w.eventsOf("later", run.EventClaimed)) == 1 })
	later := w.eventsOf("later", run.EventClaimed)[0]
	long := w.awaitEvent(w.ask("long"), run.EventStarting)
	w.awaitEvent(long.Run, run.EventFinished)
	w.until(time.Now().Add(2 * time.Second))
	beats, stored := w.beats("w")
	heard := false
	for i, b := range beats {
		if b.Seq >= later.Beat+3 {
			require.True(t, lists(b.Held, b.Claims.Held, later), "beat %d; the claim was made after beat %d", b.Seq, later.Beat)
		}
		if stored[i].Sub(long.stored) > 1500*time.Millisecond && stored[i].Sub(long.stored) < 4500*time.Millisecond {
			require.True(t, lists(b.Started, b.Claims.Started, w.eventsOf("long", run.EventClaimed)[0]))
			require.Equal(t, slots-1, b.Runs.Free, "a started run takes a slot")
			heard = true
		}
	}
	require.True(t, heard, "no beat fell into the run")
	require.Zero(t, beats[len(beats)-1].Running(), "what has ended is not held any more")
}

// lists reports whether a beat lists a claim, by its number or, if the worker
// gives none, by the run's key.
func lists(keys []string, claims []run.Row, claim written) bool {
	if claim.Claim == 0 {
		return slices.Contains(keys, claim.Key().String())
	}
	return slices.ContainsFunc(claims, func(r run.Row) bool { return r[0] <= claim.Claim && claim.Claim <= r[1] })
}

// TestAHigherLifeReplacesALower: two processes under one name would claim as
// one. The older has to end, and say so.
func TestAHigherLifeReplacesALower(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	older := w.worker("w")
	incarnation := w.latest("w").Incarnation
	w.worker("w")
	w.await("the newer life to beat", func() bool { return w.latest("w").Incarnation > incarnation })
	w.await("the older process to end", func() bool { return !older.Alive() })
	require.NotZero(t, older.ExitCode(), "it ends with an error")
	w.await("the newer to own the partitions", func() bool { return len(w.latest("w").Runs.Partitions) == 3 })
	w.apply("  - {name: once, command: ['true']}\n")
	end := w.awaitEvent(w.ask("once"), run.EventFinished)
	require.Greater(t, end.Incarnation, incarnation)
}

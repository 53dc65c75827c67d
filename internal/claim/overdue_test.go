package claim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestOverdue: runs that could start and do not are counted; those that wait
// for a slot that runs something are not.
func TestOverdue(t *testing.T) {
	s := claim.New(claim.Config{Cluster: "cluster-a", Slots: 1})
	wall := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	mono := time.Minute
	now := func() claim.Now { return claim.Now{Wall: wall.Add(mono), Mono: mono} }
	var runs []claim.Polled
	var keys []run.Key
	for _, id := range []run.ID{"1", "2"} {
		r := run.Run{ID: id, Fence: 1, NotBefore: wall.Add(mono), Cluster: "cluster-a"}
		runs, keys = append(runs, claim.Polled{Run: r}), append(keys, r.Key())
	}
	overdue := func() int {
		n, longest := s.Overdue(now())
		require.Equal(t, n > 0, longest > 0)
		return n
	}
	s.Step(claim.BeatAcked{Sent: mono}, now())
	s.Step(claim.ControlRead{Asked: mono}, now())
	c := s.Decide(run.QueueRuns, runs, now())
	s.Step(claim.Claimed{Queue: c.Queue, Number: c.Number}, now())
	require.Zero(t, overdue(), "they are due just now")
	mono += time.Second
	require.Equal(t, 2, overdue(), "the first was announced and is not acknowledged")
	s.Step(claim.BeatAcked{Sent: mono}, now())
	s.Step(claim.StartingAcked{Key: keys[0]}, now())
	require.Zero(t, overdue(), "the slot is taken by what runs")
	s.Step(claim.Exited{Key: keys[0], Outcome: run.Outcome{State: run.StateSucceeded}}, now())
	s.Step(claim.Settled{Key: keys[0]}, now())
	mono += time.Second
	if n := overdue(); n > 0 { // it may have been handed on
		require.Equal(t, 1, n)
	}
}

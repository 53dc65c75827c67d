package claim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/run"
)

// Runs that end while a claim is made leave their slots to those claimed: the
// longer claims take, the more are polled, but none that would wait for
// longer than a run waits anywhere.
func TestSlowClaimsAreLarger(t *testing.T) {
	for _, tt := range []struct {
		claimTakes time.Duration
		want       int // 10 free slots, and what 100 ends a second free meanwhile
	}{
		{time.Millisecond, 10 + 20},
		{60 * time.Millisecond, 10 + 20},
		{150 * time.Millisecond, 10 + 30},
		{time.Second, 10 + 125},
	} {
		t.Run(tt.claimTakes.String(), func(t *testing.T) {
			s := claim.New(claim.Config{Cluster: "cluster-a", Slots: 10})
			wall := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
			mono := time.Minute
			now := func() claim.Now { return claim.Now{Wall: wall.Add(mono), Mono: mono} }
			step := func(in claim.Input) { s.Step(in, now()) }
			for batch := range 10 {
				step(claim.BeatAcked{Sent: mono})
				var runs []claim.Polled
				var keys []run.Key
				for i := range 10 {
					r := run.Run{ID: run.ID(fmt.Sprintf("%d.%d", batch, i)), Fence: 1, NotBefore: wall, Cluster: "cluster-a"}
					runs, keys = append(runs, claim.Polled{Run: r}), append(keys, r.Key())
				}
				c := s.Decide(run.QueueRuns, runs, now())
				mono += tt.claimTakes
				step(claim.BeatAcked{Sent: mono})
				step(claim.ControlRead{Asked: mono})
				step(claim.Claimed{Queue: c.Queue, Number: c.Number})
				for _, k := range keys {
					step(claim.StartingAcked{Key: k})
				}
				for _, k := range keys {
					step(claim.Exited{Key: k, Outcome: run.Outcome{State: run.StateSucceeded}})
					step(claim.Settled{Key: k})
				}
			}
			ended := min(100, int(time.Second/tt.claimTakes+1)*10)
			require.Equal(t, 10+(tt.want-10)*ended/100, s.Limit(run.QueueRuns, now()))
		})
	}
}

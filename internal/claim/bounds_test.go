package claim_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/run"
)

// A beat is one record: it must fit, whatever a worker holds, also with room
// for its partitions.
func TestBeatFitsARecord(t *testing.T) {
	const most = 900_000 - 200_000
	for _, n := range []int{0, 10, 15_999, 16_000, 16_001, 16_002, 40_000} {
		s := claim.New(claim.Config{Slots: claim.MaxSlots})
		now := claim.Now{Wall: start()}
		s.Steps([]claim.Input{claim.BeatAcked{}, claim.ControlRead{}}, now)
		var polled []claim.Polled
		var gone []claim.Input // every other
		for i := range n {
			id := run.ID(strconv.Itoa(i))
			polled = append(polled, claim.Polled{Run: run.Run{ID: id, Fence: 1, NotBefore: now.Wall.Add(time.Minute)}})
			if i%2 == 0 {
				gone = append(gone, claim.Controlled{Control: run.Control{Type: run.ControlCancel, Run: id, Fence: 1}},
					claim.Settled{Key: run.Key{ID: id, Fence: 1}})
			}
		}
		c := s.Decide(run.QueueRuns, polled, now)
		s.Step(claim.Claimed{Queue: c.Queue, Number: c.Number}, now)
		s.Steps(gone, now)
		b := s.Beat(now)
		listed := numbers(b.Claims.Held)
		require.Equal(t, n/2, b.Runs)
		require.Equal(t, n/2, len(listed)+b.Claims.Unlisted)
		require.Len(t, listed, min(n/2, 8000))
		encoded, err := json.Marshal(b.Claims)
		require.NoError(t, err)
		require.Less(t, len(encoded), most)
	}
}

// Words that were forgotten because there were too many make the safe side be
// taken about young runs, for as long as they might matter.
func TestForgottenWordsMakeWorkersAsk(t *testing.T) {
	s := claim.New(claim.Config{Name: "w1", Slots: 1})
	now := claim.Now{Wall: start()}
	s.Step(claim.BeatAcked{}, now)
	s.Step(claim.ControlRead{}, now)
	asks := func(now claim.Now) bool {
		c := s.Decide(run.QueueRuns, []claim.Polled{{Run: run.Run{ID: "r", Fence: 1, StagedAt: now.Wall}}}, now)
		s.Step(claim.Unclaimed{Queue: c.Queue, Number: c.Number}, now)
		return c.Verdicts[0].Confirm
	}
	for i := range 100_001 {
		require.False(t, i%10_000 == 0 && asks(now))
		s.Step(claim.Controlled{Control: run.Control{
			Type: run.ControlRecall, At: now.Wall, Run: run.ID(strconv.Itoa(i)), Fence: 1,
		}}, now)
	}
	require.True(t, asks(now))
	later := claim.Now{Wall: now.Wall.Add(10 * claim.ConfirmAfter), Mono: now.Mono + 10*claim.ConfirmAfter}
	require.False(t, asks(later))
}

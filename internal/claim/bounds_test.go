package claim_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/run"
)

// A beat is one record: it must fit, whatever a worker holds, also with room
// for its partitions.
func TestBeatFitsARecord(t *testing.T) {
	const most = 900_000 - 200_000
	rapid.Check(t, func(t *rapid.T) {
		s := claim.New(claim.Config{Slots: claim.MaxSlots, Ahead: 20_000})
		now := claim.Now{Wall: start()}
		s.Step(claim.BeatAcked{}, now)
		s.Step(claim.ControlRead{}, now)
		var polled []claim.Polled
		id := rapid.SampledFrom([]string{"", strings.Repeat("x", 36), strings.Repeat("\x00", 30), strings.Repeat("ü", 200)}).Draw(t, "id")
		n := rapid.SampledFrom([]int{0, 10, 7999, 8000, 8001, 20_000}).Draw(t, "runs")
		for i := range n {
			r := run.Run{ID: run.ID(id + strconv.Itoa(i)), Fence: 1<<63 - 1, NotBefore: now.Wall}
			polled = append(polled, claim.Polled{Run: r})
		}
		c := s.Decide(run.QueueRuns, polled, now)
		if rapid.Bool().Draw(t, "started") {
			s.Step(claim.Claimed{Queue: c.Queue, Number: c.Number}, now)
		}
		b := s.Beat(now)
		listed := len(b.Held) + len(b.Started)
		require.Equal(t, n, listed+b.Unlisted)
		require.LessOrEqual(t, listed, 8000)
		if id == strings.Repeat("x", 36) {
			require.Equal(t, min(n, 8000), listed)
		}
		encoded, err := json.Marshal([][]string{b.Held, b.Started})
		require.NoError(t, err)
		require.Less(t, len(encoded), most)
	})
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

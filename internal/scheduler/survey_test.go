package scheduler

import (
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

func survivor(id string) []member.Member { return []member.Member{{Beat: member.Beat{ID: id}}} }

func newLoop(p int32) *loop {
	s := &scheduler{metrics: newMetrics(prometheus.NewRegistry())}
	return &loop{scheduler: s, shard: p, surveys: make(chan surveyed, 1)}
}

// believed returns the members of the survey that the shard is given now.
func believed(t *testing.T, owned *tenure) []member.Member {
	t.Helper()
	inputs := owned.survey(nil)
	require.Len(t, inputs, 1)
	beats, ok := inputs[0].(shard.Beats)
	require.True(t, ok)
	return beats.Workers
}

// A shard that is always a little behind its events believes every survey it
// has taken before it takes another.
func TestAPendingSurveyIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owned := &tenure{loop: newLoop(3), core: shard.New(shard.Config{}, nil)}
		gather := func() {
			inputs, err := owned.gather(t.Context(), nil)
			require.NoError(t, err)
			require.Empty(t, owned.survey(inputs), "its events are not read")
		}
		owned.surveys <- surveyed{members: survivor("first"), end: 10}
		gather()
		owned.surveys <- surveyed{members: survivor("second"), end: 20}
		owned.read.Events = 9
		gather()
		owned.read.Events = 10
		require.Equal(t, survivor("first"), believed(t, owned))
		gather()
		owned.read.Events = 20
		require.Equal(t, survivor("second"), believed(t, owned))
	})
}

// A survey that does not say where a shard's events end is none for it: it
// would be believed at once.
func TestASurveyWithoutAnEndIsNotDelivered(t *testing.T) {
	w := newWatcher(newLoop(0).scheduler)
	w.loops[1], w.loops[2] = newLoop(1), newLoop(2)
	w.deliver(survey{members: survivor("w"), ends: map[int32]int64{1: 7}})
	require.Equal(t, surveyed{members: survivor("w"), end: 7}, <-w.loops[1].surveys)
	require.Empty(t, w.loops[2].surveys)
}

// To each worker the owner of one shard and one other speak, so that the
// death of a single scheduler keeps nobody from hearing.
func TestTwoSchedulersSpeakToEachWorker(t *testing.T) {
	speakers := func(id string, owners []string) (said []string) {
		for _, s := range []string{"s1", "s2", "s3"} {
			if speaksFor(s, id, owners) {
				said = append(said, s)
			}
		}
		return said
	}
	owners := []string{"s1", "s1", "s2", "s3"}
	for _, id := range []string{"w1", "w2", "w3", "w4", "w5"} {
		said := speakers(id, owners)
		require.Len(t, said, 2)
		require.Contains(t, said, owners[topic.Partition(id, 4)])
	}
	require.Equal(t, []string{"s1"}, speakers("w1", []string{"s1", "s1"}))
	require.Empty(t, speakers("w1", []string{"", ""}))
	require.Empty(t, speakers("w1", nil))
}

package topic_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/topic"
)

func TestLanesOfThreeBrokersArePairs(t *testing.T) {
	brokers := []topic.Broker{{ID: 1}, {ID: 2}, {ID: 3}}
	require.Equal(t, [][]int32{{1, 2}, {3, 1}, {2, 3}}, topic.LaneReplicas(brokers, 3, 2))
	require.EqualValues(t, 1, topic.Lanes(2))
	require.EqualValues(t, 3, topic.Lanes(3))
}

// Whichever broker dies, some lane goes on; its two stand in different racks where
// that can be; and where there are brokers for it, no two lanes share one.
func TestEveryBrokerIsLeftOutBySomeLane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		racks := rapid.IntRange(1, 4).Draw(t, "racks")
		var brokers []topic.Broker
		perRack := map[string]int{}
		for i := range rapid.IntRange(3, 12).Draw(t, "brokers") {
			rack := string(rune('a' + i%racks))
			perRack[rack]++
			brokers = append(brokers, topic.Broker{ID: int32(i * 7 % 101), Rack: rack})
		}
		lanes := topic.LaneReplicas(brokers, topic.DefaultLanes, 2)
		require.Len(t, lanes, topic.DefaultLanes)
		require.True(t, topic.Freed(lanes))
		rack := func(id int32) string {
			return brokers[slices.IndexFunc(brokers, func(b topic.Broker) bool { return b.ID == id })].Rack
		}
		used := map[int32]bool{}
		for _, replicas := range lanes {
			require.NotEqual(t, replicas[0], replicas[1])
			if racks > 1 && len(brokers)%racks == 0 {
				require.NotEqual(t, rack(replicas[0]), rack(replicas[1]), "%v of %v", lanes, brokers)
			}
			used[replicas[0]], used[replicas[1]] = true, true
		}
		require.GreaterOrEqual(t, len(used), min(len(brokers), 2*topic.DefaultLanes)-1)
	})
}

package topic_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/topic"
)

func TestNames(t *testing.T) {
	names := topic.Names{Prefix: topic.DefaultPrefix}
	require.Equal(t, "belfry.jobs", names.Jobs())
	require.Equal(t, "belfry.runs.cluster-a", names.Runs("cluster-a"))
	require.Equal(t, "belfry.cluster-a.runs", names.Group("cluster-a", "runs"))
	for name, want := range map[string]string{
		names.Runs("cluster-a"):    "cluster-a",
		names.Retries("a.b"):       "a.b",
		names.DeadOf("cluster-a"):  "cluster-a",
		names.Output("cluster-a"):  "cluster-a",
		names.Jobs():               "",
		names.Dead():               "",
		"elsewhere.runs.cluster-a": "",
	} {
		cluster, ok := names.Cluster(name)
		require.Equal(t, want, cluster, name)
		require.Equal(t, want != "", ok, name)
	}
}

// TestPartitionIsKafkas: Kafka's own partitioner as franz-go has it.
func TestPartitionIsKafkas(t *testing.T) {
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("any")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(rapid.StringN(1, -1, 64), rapid.StringMatching(`[a-z]{1,12}(-[a-z0-9]{1,6}){0,3}`)).Draw(t, "key")
		n := rapid.Int32Range(1, 200).Draw(t, "n")
		got := topic.Partition(key, n)
		require.EqualValues(t, partitioner.Partition(&kgo.Record{Key: []byte(key)}, int(n)), got)
	})
}

// TestPartitionStays: a key that changes its shard loses its state.
func TestPartitionStays(t *testing.T) {
	for key, want := range map[string]int32{"": 1, "hello": 5, "nightly-report": 5, "backup.db-1": 3, "größe": 4} {
		require.Equal(t, want, topic.Partition(key, 8), key)
	}
}

func TestSettings(t *testing.T) {
	names := topic.Names{Prefix: "x."}
	byName := map[string]topic.Setting{}
	for _, s := range topic.Settings(names, []string{"b", "a", "b"}, 5, 4) {
		require.NotContains(t, byName, s.Name)
		require.EqualValues(t, 3, s.Replication)
		require.Equal(t, "2", s.Config["min.insync.replicas"])
		require.Equal(t, "false", s.Config["unclean.leader.election.enable"])
		byName[s.Name] = s
	}
	require.Len(t, byName, 10+2*4)
	for _, name := range names.Sharded() {
		require.EqualValues(t, 5, byName[name].Partitions)
	}
	require.Equal(t, "compact", byName[names.Jobs()].Config["cleanup.policy"])
	require.Equal(t, "compact", byName[names.State()].Config["cleanup.policy"])
	require.Equal(t, "compact,delete", byName[names.Members()].Config["cleanup.policy"])
	require.Equal(t, int32(1), byName[names.Members()].Partitions)
	for _, name := range []string{names.Members(), names.Control()} {
		require.Equal(t, "86400000", byName[name].Config["retention.ms"], "names that are gone go with time")
	}
	require.Equal(t, topic.ControlPartitions, byName[names.Control()].Partitions)
	require.Equal(t, topic.DefaultQueuePartitions, byName[names.Runs("b")].Partitions)
	require.Equal(t, "604800000", byName[names.Retries("a")].Config["retention.ms"])
	require.Equal(t, "2592000000", byName[names.Events()].Config["retention.ms"])
}

func TestSettingsFollowTheBrokers(t *testing.T) {
	for brokers, want := range map[int]struct {
		replicas int16
		insync   string
	}{0: {1, "1"}, 1: {1, "1"}, 2: {2, "1"}, 3: {3, "2"}, 9: {3, "2"}} {
		for _, s := range topic.Settings(topic.Names{}, nil, 1, brokers) {
			require.Equal(t, want.replicas, s.Replication, "%d brokers", brokers)
			require.Equal(t, want.insync, s.Config["min.insync.replicas"], "%d brokers", brokers)
		}
	}
}

package kafka_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

func TestEnsureTopicsMakesWhatIsMissing(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		cl := client(t, o)
		admin := kafka.NewAdmin(cl, names)
		_, err := admin.Shards(limited(t))
		require.ErrorIs(t, err, kafka.ErrNoTopics)

		created, err := admin.EnsureTopics(limited(t), []string{"cluster-a"}, 0, kafka.EnsureOptions{})
		require.NoError(t, err)
		require.Len(t, created, 14)
		shards, err := admin.Shards(limited(t))
		require.NoError(t, err)
		require.Equal(t, topic.DefaultShards, shards)

		created, err = admin.EnsureTopics(limited(t), []string{"cluster-a", "cluster-b"}, 0, kafka.EnsureOptions{QueuePartitions: 5})
		require.NoError(t, err)
		require.Equal(t, []string{names.DeadOf("cluster-b"), names.Output("cluster-b"), names.Retries("cluster-b"), names.Runs("cluster-b")}, created)

		created, err = admin.EnsureTopics(limited(t), []string{"cluster-a", "cluster-b"}, 0, kafka.EnsureOptions{})
		require.NoError(t, err)
		require.Empty(t, created)

		_, err = admin.EnsureTopics(limited(t), nil, 3, kafka.EnsureOptions{})
		require.ErrorContains(t, err, "8 shards, not the 3")

		topics, err := admin.ListTopics(limited(t))
		require.NoError(t, err)
		require.Len(t, topics, 18)
		byName := map[string]kafka.Topic{}
		for _, listed := range topics {
			byName[listed.Name] = listed
			require.EqualValues(t, 3, listed.Replication)
		}
		require.Equal(t, kafka.Topic{
			Name: names.Runs("cluster-b"), Cluster: "cluster-b", Partitions: 5, Replication: 3,
			Group: names.Group("cluster-b", "runs"),
		}, byName[names.Runs("cluster-b")])

		configs, err := kadm.NewClient(cl).DescribeTopicConfigs(limited(t), names.State())
		require.NoError(t, err)
		got := map[string]string{}
		for _, c := range configs[0].Configs {
			got[c.Key] = c.MaybeValue()
		}
		require.Equal(t, "compact", got["cleanup.policy"])
		require.Equal(t, "2", got["min.insync.replicas"])
	})
}

func TestEnsureTopicsByManyAtOnce(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		counts := make([]int, 4)
		for i := range errs {
			cl := client(t, o)
			wg.Go(func() {
				var created []string
				created, errs[i] = kafka.NewAdmin(cl, names).EnsureTopics(limited(t), []string{"cluster-a"}, 2, kafka.EnsureOptions{})
				counts[i] = len(created)
			})
		}
		wg.Wait()
		total := 0
		for i := range errs {
			require.NoError(t, errs[i])
			total += counts[i]
		}
		require.Equal(t, 14, total, "each topic is made by one of them")
	})
}

func TestReplicationFollowsTheBrokers(t *testing.T) {
	o := inProcess(t, kfake.NumBrokers(1))
	_, admin := withTopics(t, o, topic.Names{Prefix: "x."})
	topics, err := admin.ListTopics(limited(t))
	require.NoError(t, err)
	require.NotEmpty(t, topics)
	for _, listed := range topics {
		require.EqualValues(t, 1, listed.Replication)
	}
}

func TestShardsThatDisagreeAreAnError(t *testing.T) {
	names := topic.Names{Prefix: "x."}
	o := inProcess(t, kfake.SeedTopics(4, names.Jobs(), names.Commands(), names.Events()), kfake.SeedTopics(5, names.State()))
	_, err := kafka.NewAdmin(client(t, o), names).Shards(limited(t))
	require.ErrorContains(t, err, "x.jobs 4")
	require.ErrorContains(t, err, "x.state 5")
}

func TestResize(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		_, admin := withTopics(t, o, names)
		require.NoError(t, admin.Resize(limited(t), "runs.cluster-a", 6))
		require.NoError(t, client(t, o).ProduceSync(limited(t), record(names.Runs("cluster-a"), 5, "x")).FirstErr())
		require.ErrorContains(t, admin.Resize(limited(t), names.Runs("cluster-a"), 3), "has 6 partitions already")
		require.ErrorContains(t, admin.Resize(limited(t), "jobs", 16), "cannot be resized")
		require.ErrorContains(t, admin.Resize(limited(t), "runs.nowhere", 6), "does not exist")
	})
}

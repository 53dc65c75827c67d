//go:build synctests

package kafka_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

// standstill is longer than a broker with ZooKeeper was seen to be waited for.
const standstill = 24 * time.Second

// inVirtualTime runs f with topics on an in-process broker in virtual time.
func inVirtualTime(t *testing.T, f func(t *testing.T, c *kfake.Cluster, o kafka.Options, names topic.Names)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(), kfake.ListenFn(network.Listen), kfake.Ports(9092))
		require.NoError(t, err)
		defer c.Close()
		o, names := kafka.Options{Brokers: c.ListenAddrs(), Dialer: network.DialContext}, topic.Names{Prefix: "v."}
		cl, err := o.Client()
		require.NoError(t, err)
		_, err = kafka.NewAdmin(cl, names).EnsureTopics(t.Context(), []string{"cluster-a"}, 2, kafka.EnsureOptions{QueuePartitions: 1})
		require.NoError(t, err)
		cl.Close()
		f(t, c, o, names)
	})
}

// stall has the broker acknowledge no record until then: with a dead follower in
// sync it answers when the time that the request granted it is over, with a dead
// leader that it does not lead.
func stall(c *kfake.Cluster, until time.Time, why *kerr.Error) {
	c.ControlKey(kmsg.Produce.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !time.Now().Before(until) {
			return nil, nil, false
		}
		req := r.(*kmsg.ProduceRequest)
		c.SleepControl(func() { time.Sleep(time.Duration(req.TimeoutMillis) * time.Millisecond) })
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, asked := range req.Topics {
			answered := kmsg.NewProduceResponseTopic()
			answered.Topic, answered.TopicID = asked.Topic, asked.TopicID
			for _, p := range asked.Partitions {
				partition := kmsg.NewProduceResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, why.Code
				answered.Partitions = append(answered.Partitions, partition)
			}
			resp.Topics = append(resp.Topics, answered)
		}
		return resp, nil, true
	})
}

// Transactions whose records nobody acknowledges, and then one whose coordinator
// is away, are committed when Kafka goes on.
func TestATransactionOutlastsAStandstill(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, c *kfake.Cluster, o kafka.Options, names topic.Names) {
		shard, err := o.Transactional("shard", kgo.TransactionTimeout(kafka.ShardTimeout))
		require.NoError(t, err)
		defer shard.Close()
		commit := func(value string) {
			began := time.Now()
			ctx, cancel := kafka.Outlast(t.Context(), time.Second)
			defer cancel()
			require.NoError(t, shard.BeginTransaction())
			require.NoError(t, shard.ProduceSync(ctx, record(names.State(), 0, value)).FirstErr())
			require.NoError(t, shard.EndTransaction(ctx, kgo.TryCommit))
			require.GreaterOrEqual(t, time.Since(began), standstill)
			require.Less(t, time.Since(began), standstill+5*time.Second)
		}
		_, _, err = shard.ProducerID(t.Context())
		require.NoError(t, err)
		stall(c, time.Now().Add(standstill), kerr.RequestTimedOut)
		commit("follower")
		stall(c, time.Now().Add(standstill), kerr.NotLeaderForPartition)
		commit("leader")
		began := time.Now()
		c.ControlKey(kmsg.EndTxn.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			resp := r.ResponseKind().(*kmsg.EndTxnResponse)
			resp.ErrorCode = kerr.NotCoordinator.Code
			return resp, nil, time.Since(began) < standstill
		})
		commit("coordinator")
		require.Equal(t, []string{"follower", "leader", "coordinator"}, readAll(t, o, names.State(), kafka.ReadCommitted))
	})
}

// Waiting is over at once for a client that another has taken the place of, and
// soon for a role that ends.
func TestAStandstillDoesNotHoldUpWhatIsOver(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, c *kfake.Cluster, o kafka.Options, names topic.Names) {
		first, err := o.Transactional("shard")
		require.NoError(t, err)
		defer first.Close()
		ours, end := context.WithCancel(t.Context())
		defer end()
		ctx, cancel := kafka.Outlast(ours, 3*time.Second)
		defer cancel()
		require.NoError(t, first.BeginTransaction())
		require.NoError(t, first.ProduceSync(ctx, record(names.State(), 0, "first")).FirstErr())
		second, err := o.Transactional("shard")
		require.NoError(t, err)
		defer second.Close()
		_, _, err = second.ProducerID(ctx)
		require.NoError(t, err)
		began := time.Now()
		require.Equal(t, kafka.ClassFenced, kafka.Classify(first.ProduceSync(ctx, record(names.State(), 0, "zombie")).FirstErr()))
		require.Less(t, time.Since(began), time.Second)

		began = time.Now()
		end()
		<-ctx.Done()
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

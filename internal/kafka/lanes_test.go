package kafka_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

// stuckLane has the broker answer nothing that is written to a partition, and all
// else at once.
func stuckLane(c *kfake.Cluster, partition int32) {
	c.ControlKey(kmsg.Produce.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := request.(*kmsg.ProduceRequest)
		if req.Topics[0].Partitions[0].Partition == partition {
			c.SleepControl(func() { <-time.After(2 * time.Second) })
		}
		return nil, nil, false
	})
}

func TestALaneThatIsStuckHoldsUpNoOther(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(), kfake.SeedTopics(3, "members"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	lanes, err := kafka.NewLanes(kafka.Options{Brokers: c.ListenAddrs()}, "members", 3)
	require.NoError(t, err)
	t.Cleanup(lanes.Close)
	stuckLane(c, 1)
	var mu sync.Mutex
	took := map[int][]string{}
	send := func(value string) (busy int) {
		return lanes.Send(t.Context(), []byte("w"), []byte(value), func(lane int, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				took[lane] = append(took[lane], value)
			}
		})
	}
	of := func(lane int) []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(took[lane])
	}
	require.Zero(t, send("1"))
	require.Eventually(t, func() bool { return len(of(0)) == 1 && len(of(2)) == 1 }, time.Second, time.Millisecond)
	require.GreaterOrEqual(t, send("2"), 1)
	require.Eventually(t, func() bool { return len(of(0)) == 2 && len(of(2)) == 2 }, time.Second, time.Millisecond)
	require.Empty(t, of(1))
	require.Eventually(t, func() bool { return len(of(1)) > 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, []string{"1"}, of(1), "what waited for so long says too little of now")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	lanes.SendLast(ctx, []byte("w"), []byte("bye"))
	require.Less(t, time.Since(began), time.Second, "some lane has it")
}

func TestLanesAreReadWhereTheyCanBe(t *testing.T) {
	o := inProcess(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "members"))
	cl, err := o.Client()
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	for lane := range int32(3) {
		require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "members", Partition: lane, Value: []byte{byte(lane)}}).FirstErr())
	}
	var read []int32
	next, err := kafka.ReadLanes(t.Context(), cl, o, "members", 2, kafka.Window{Since: time.Now(), Least: 10, Most: 10}, func(r *kgo.Record) error {
		read = append(read, r.Partition)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1}, read)
	require.Equal(t, map[int32]int64{0: 1, 1: 1}, next)
}

// TestMembersGrow gives an older installation lanes.
func TestMembersGrow(t *testing.T) {
	o := inProcess(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "b.members"))
	cl, err := o.Client()
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	admin := kafka.NewAdmin(cl, topic.Names{Prefix: "b."})
	require.ErrorContains(t, admin.Resize(limited(t), "members", 5), "3 lanes on 3 brokers, not 5")
	require.NoError(t, admin.Resize(limited(t), "members", 3))
	details, err := kadm.NewClient(cl).ListTopics(limited(t), "b.members")
	require.NoError(t, err)
	require.Len(t, details["b.members"].Partitions, 3)
}

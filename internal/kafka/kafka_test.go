package kafka_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

// conform runs f on an in-process broker, and on the brokers that
// BELFRY_TEST_BROKERS names where it is set; each time with topics of its own.
func conform(t *testing.T, f func(t *testing.T, o kafka.Options, names topic.Names)) {
	t.Helper()
	names := topic.Names{Prefix: fmt.Sprintf("t%d.", time.Now().UnixNano())}
	t.Run("in process", func(t *testing.T) { f(t, inProcess(t), names) })
	t.Run("real", func(t *testing.T) {
		brokers := os.Getenv("BELFRY_TEST_BROKERS")
		if brokers == "" {
			t.Skip("BELFRY_TEST_BROKERS names no brokers")
		}
		f(t, kafka.Options{Brokers: strings.Split(brokers, ",")}, names)
	})
}

func inProcess(t *testing.T, opts ...kfake.Opt) kafka.Options {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.SleepOutOfOrder()}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return kafka.Options{Brokers: c.ListenAddrs()}
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func client(t *testing.T, o kafka.Options, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := o.Client(opts...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// withTopics makes the topics of cluster-a with two queue partitions.
func withTopics(t *testing.T, o kafka.Options, names topic.Names) (*kgo.Client, *kafka.Admin) {
	t.Helper()
	cl := client(t, o)
	admin := kafka.NewAdmin(cl, names)
	_, err := admin.EnsureTopics(limited(t), []string{"cluster-a"}, 2, kafka.EnsureOptions{QueuePartitions: 2})
	require.NoError(t, err)
	return cl, admin
}

func record(name string, partition int32, value string) *kgo.Record {
	return &kgo.Record{Topic: name, Partition: partition, Key: []byte("key"), Value: []byte(value)}
}

func TestFeaturesOfTheseBrokersSuffice(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, _ topic.Names) {
		require.NoError(t, kafka.Await(limited(t), o, 10*time.Second, discard()))
		require.NoError(t, kafka.CheckFeatures(limited(t), client(t, o)))
	})
}

func TestFeaturesOfAnOldBrokerAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		version *kversion.Versions
		missing string
	}{
		"2.4 has transactions but no KIP-447": {kversion.V2_4_0(), "KIP-447"},
		"0.10.2 has no transactions":          {kversion.V0_10_2(), "transactions"},
	} {
		t.Run(name, func(t *testing.T) {
			o := inProcess(t, kfake.MaxVersions(c.version))
			err := kafka.CheckFeatures(limited(t), client(t, o))
			require.ErrorContains(t, err, "too old")
			require.ErrorContains(t, err, c.missing)
		})
	}
	o := inProcess(t, kfake.MaxVersions(kversion.V2_5_0()))
	require.NoError(t, kafka.CheckFeatures(limited(t), client(t, o)))
}

func TestTransactionalIDFencesItsPredecessor(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		withTopics(t, o, names)
		ctx := limited(t)
		first, err := o.Transactional(names.Prefix + "shard")
		require.NoError(t, err)
		defer first.Close()
		require.NoError(t, first.BeginTransaction())
		require.NoError(t, first.ProduceSync(ctx, record(names.State(), 0, "first")).FirstErr())

		second, err := o.Transactional(names.Prefix + "shard")
		require.NoError(t, err)
		defer second.Close()
		_, _, err = second.ProducerID(ctx)
		require.NoError(t, err)

		err = first.ProduceSync(ctx, record(names.State(), 0, "zombie")).FirstErr()
		require.Equal(t, kafka.ClassFenced, kafka.Classify(err), "%v", err)

		require.NoError(t, second.BeginTransaction())
		require.NoError(t, second.ProduceSync(ctx, record(names.State(), 0, "second")).FirstErr())
		require.NoError(t, second.EndTransaction(ctx, kgo.TryCommit))
		require.Equal(t, []string{"second"}, readAll(t, o, names.State(), kafka.ReadCommitted))
	})
}

func TestGroupSessionCommitsOffsetsAndRecordsTogether(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		cl, admin := withTopics(t, o, names)
		ctx := limited(t)
		require.NoError(t, cl.ProduceSync(ctx, record(names.Runs("cluster-a"), 0, "a"), record(names.Runs("cluster-a"), 1, "b")).FirstErr())
		require.EqualValues(t, 2, waiting(t, admin, names.Runs("cluster-a")))

		session, err := o.GroupSession(names.Group("cluster-a", "runs"), names.Prefix+"worker", []string{names.Runs("cluster-a")})
		require.NoError(t, err)
		defer session.Close()
		var claimed []string
		for len(claimed) < 2 {
			require.NoError(t, ctx.Err())
			polled := session.PollRecords(ctx, 10).Records()
			require.NoError(t, session.Begin())
			for _, r := range polled {
				session.Produce(ctx, record(names.Events(), 0, "claimed "+string(r.Value)), nil)
			}
			ok, err := session.End(ctx, kgo.TryCommit)
			require.NoError(t, err)
			if ok {
				for _, r := range polled {
					claimed = append(claimed, string(r.Value))
				}
			}
		}
		require.ElementsMatch(t, []string{"a", "b"}, claimed)
		require.ElementsMatch(t, []string{"claimed a", "claimed b"}, readAll(t, o, names.Events(), kafka.ReadCommitted))
		require.Zero(t, waiting(t, admin, names.Runs("cluster-a")), "markers do not count as waiting runs")
	})
}

func waiting(t *testing.T, admin *kafka.Admin, name string) int64 {
	t.Helper()
	topics, err := admin.ListTopics(limited(t))
	require.NoError(t, err)
	for _, listed := range topics {
		if listed.Name == name {
			return listed.Waiting
		}
	}
	require.Fail(t, "not listed", name)
	return 0
}

func TestClassOfErrors(t *testing.T) {
	for class, errs := range map[kafka.Class][]error{
		kafka.ClassNone:          {nil},
		kafka.ClassFenced:        {kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.IllegalGeneration, fmt.Errorf("ending: %w", kerr.UnknownMemberID)},
		kafka.ClassTimeout:       {context.DeadlineExceeded, kgo.ErrRecordTimeout, kerr.RequestTimedOut},
		kafka.ClassAuthorization: {kerr.TopicAuthorizationFailed, kerr.SaslAuthenticationFailed},
		kafka.ClassTopicGone:     {kerr.UnknownTopicOrPartition, kerr.UnknownTopicID},
		kafka.ClassTooLarge:      {kerr.MessageTooLarge},
		kafka.ClassUnreachable:   {kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, &kgo.ErrFirstReadEOF{}},
		kafka.ClassClosed:        {kgo.ErrClientClosed, context.Canceled},
		kafka.ClassOther:         {fmt.Errorf("anything"), kerr.PolicyViolation},
	} {
		for _, err := range errs {
			require.Equal(t, class, kafka.Classify(err), "%v", err)
		}
		if class != kafka.ClassNone {
			require.Contains(t, kafka.Classes(), class)
		}
	}
}

func TestRecordBeyondTheTopicsLimitIsTooLarge(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		cl, _ := withTopics(t, o, names)
		big := strings.Repeat("incompressible? no matter: the client counts first", 1<<20/40)
		err := cl.ProduceSync(limited(t), record(names.Events(), 0, big)).FirstErr()
		require.Equal(t, kafka.ClassTooLarge, kafka.Classify(err), "%v", err)
	})
}

func TestProduceToADeletedTopicSaysSo(t *testing.T) {
	o := inProcess(t)
	cl := client(t, o, kgo.UnknownTopicRetries(1))
	err := cl.ProduceSync(limited(t), record("nothing", 0, "x")).FirstErr()
	require.Equal(t, kafka.ClassTopicGone, kafka.Classify(err), "%v", err)
}

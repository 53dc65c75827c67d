package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

func readAll(t *testing.T, o kafka.Options, name string, isolation kafka.Isolation) []string {
	t.Helper()
	var values []string
	require.NoError(t, kafka.ReadAll(limited(t), o, name, nil, isolation, func(r *kgo.Record) error {
		values = append(values, string(r.Value))
		return nil
	}))
	return values
}

func transact(t *testing.T, cl *kgo.Client, end kgo.TransactionEndTry, records ...*kgo.Record) {
	t.Helper()
	require.NoError(t, cl.BeginTransaction())
	require.NoError(t, cl.ProduceSync(limited(t), records...).FirstErr())
	require.NoError(t, cl.EndTransaction(limited(t), end))
}

func TestReadAllEndsWhereNoRecordIs(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		withTopics(t, o, names)
		require.Empty(t, readAll(t, o, names.Events(), kafka.ReadCommitted), "an empty topic")

		cl, err := o.Transactional(names.Prefix + "reader")
		require.NoError(t, err)
		defer cl.Close()
		transact(t, cl, kgo.TryCommit, record(names.Events(), 0, "one"), record(names.Events(), 1, "two"))
		transact(t, cl, kgo.TryAbort, record(names.Events(), 0, "never"))
		require.ElementsMatch(t, []string{"one", "two"}, readAll(t, o, names.Events(), kafka.ReadCommitted), "ends in markers")
		require.ElementsMatch(t, []string{"one", "two", "never"}, readAll(t, o, names.Events(), kafka.ReadUncommitted))

		adm := kadm.NewClient(client(t, o))
		ends, err := adm.ListEndOffsets(limited(t), names.Events())
		require.NoError(t, err)
		_, err = adm.DeleteRecords(limited(t), ends.Offsets())
		require.NoError(t, err)
		require.Empty(t, readAll(t, o, names.Events(), kafka.ReadCommitted), "all deleted")
	})
}

func TestReadAllWaitsForAnOpenTransaction(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		plain, _ := withTopics(t, o, names)
		cl, err := o.Transactional(names.Prefix + "reader")
		require.NoError(t, err)
		defer cl.Close()
		require.NoError(t, cl.BeginTransaction())
		require.NoError(t, cl.ProduceSync(limited(t), record(names.Events(), 0, "open")).FirstErr())
		require.NoError(t, plain.ProduceSync(limited(t), record(names.Events(), 0, "hidden")).FirstErr())

		begin := time.Now()
		require.Empty(t, readAll(t, o, names.Events(), kafka.ReadCommitted), "ends before it")
		require.Greater(t, time.Since(begin), 2*time.Second, "but not at once")

		ended := make(chan error)
		go func() { ended <- cl.EndTransaction(limited(t), kgo.TryCommit) }()
		require.Equal(t, []string{"open", "hidden"}, readAll(t, o, names.Events(), kafka.ReadCommitted))
		require.NoError(t, <-ended)
	})
}

func TestAResolvedReadSeesBehindAnOpenTransaction(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		plain, _ := withTopics(t, o, names)
		open, err := o.Transactional(names.Prefix + "open")
		require.NoError(t, err)
		defer open.Close()
		cl, err := o.Transactional(names.Prefix + "reader")
		require.NoError(t, err)
		defer cl.Close()
		require.NoError(t, open.BeginTransaction())
		require.NoError(t, open.ProduceSync(limited(t), record(names.Events(), 0, "open")).FirstErr())
		transact(t, cl, kgo.TryCommit, record(names.Events(), 0, "one"), record(names.Events(), 0, "two"))
		transact(t, cl, kgo.TryAbort, record(names.Events(), 0, "never"))
		require.NoError(t, plain.ProduceSync(limited(t), record(names.Events(), 0, "plain")).FirstErr())
		require.Equal(t, []string{"one", "two", "plain"}, readAll(t, o, names.Events(), kafka.ReadResolved))
		require.NoError(t, open.EndTransaction(limited(t), kgo.TryCommit))
		// Kafka answers before the commit's marker is in the log. It lets a client
		// begin its next transaction only behind that.
		transact(t, open, kgo.TryAbort, record(names.Events(), 0, "never"))
		require.ElementsMatch(t, []string{"open", "one", "two", "plain"}, readAll(t, o, names.Events(), kafka.ReadResolved))
	})
}

func TestReadManyFromSomePartitions(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		cl, _ := withTopics(t, o, names)
		var records []*kgo.Record
		for i := range 5000 {
			records = append(records, record(names.Events(), int32(i%2), fmt.Sprint(i)))
		}
		require.NoError(t, cl.ProduceSync(limited(t), records...).FirstErr())
		next := 0
		require.NoError(t, kafka.ReadAll(limited(t), o, names.Events(), []int32{0}, kafka.ReadCommitted, func(r *kgo.Record) error {
			require.Equal(t, fmt.Sprint(next), string(r.Value))
			next += 2
			return nil
		}))
		require.Equal(t, 5000, next)

		stop := errors.New("enough")
		after, err := kafka.ReadFrom(limited(t), o, names.Events(), map[int32]int64{1: 10}, kafka.ReadCommitted, func(r *kgo.Record) error {
			if r.Offset == 12 {
				return stop
			}
			return nil
		})
		require.ErrorIs(t, err, stop)
		require.Equal(t, map[int32]int64{1: 12}, after)

		_, err = kafka.ReadFrom(limited(t), o, names.Events(), map[int32]int64{7: 0}, kafka.ReadCommitted, nil)
		require.ErrorContains(t, err, "no partition 7")
		err = kafka.ReadAll(limited(t), o, names.Prefix+"nothing", nil, kafka.ReadCommitted, nil)
		require.Equal(t, kafka.ClassTopicGone, kafka.Classify(err), "%v", err)
	})
}

func TestFollowSeesWhatComesLater(t *testing.T) {
	conform(t, func(t *testing.T, o kafka.Options, names topic.Names) {
		cl, _ := withTopics(t, o, names)
		require.NoError(t, cl.ProduceSync(limited(t), record(names.Events(), 1, "0")).FirstErr())
		ctx, cancel := context.WithCancel(limited(t))
		seen := 0
		err := kafka.Follow(ctx, o, names.Events(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			require.Equal(t, fmt.Sprint(seen), string(r.Value))
			if seen++; seen == 5 {
				cancel()
				return nil
			}
			return cl.ProduceSync(ctx, record(names.Events(), int32(seen%2), fmt.Sprint(seen))).FirstErr()
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 5, seen)
	})
}

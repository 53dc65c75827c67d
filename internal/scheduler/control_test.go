package scheduler_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// elsewhere is a cluster whose partition of control is not the first.
const elsewhere = "cluster-b"

// beat writes a worker's beat.
func (w *world) beat(b member.Beat) {
	w.t.Helper()
	b.Role, b.At, b.Cluster = member.RoleWorker, time.Now().UTC(), elsewhere
	value, err := topic.EncodeBeat(b)
	require.NoError(w.t, err)
	r := &kgo.Record{Topic: w.names.Members(), Partition: 0, Key: []byte(b.ID), Value: value}
	require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), r).FirstErr())
}

// told waits for a control record, and returns the partition it came in.
func (w *world) told(which func(run.Control) bool) int32 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	found := int32(-1)
	err := kafka.Follow(ctx, w.kafka, w.names.Control(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		if c, err := topic.DecodeControl(r.Value); err == nil && which(c) {
			found = r.Partition
			return context.Canceled
		}
		return nil
	})
	require.NotEqual(w.t, int32(-1), found, "nobody was told: %v", err)
	return found
}

func TestAWorkersOlderProcessIsTold(t *testing.T) {
	conform(t, func(w *world) {
		w.start("one")
		w.beat(member.Beat{ID: "w1", Incarnation: 1, Seq: 77})
		w.beat(member.Beat{ID: "w1", Incarnation: 5, Seq: 1})
		p := w.told(func(c run.Control) bool {
			return c.Type == run.ControlReplaced && c.Member == "w1" && c.Incarnation == 5 && c.Cluster == elsewhere
		})
		require.Equal(t, topic.ControlPartition(elsewhere, topic.ControlPartitions), p)
	})
}

// A shard's word to workers goes where those of the run's cluster read.
func TestRecallsGoToTheirCluster(t *testing.T) {
	conform(t, func(w *world) {
		w.start("one")
		id := run.NewID("gone", time.Now(), "")
		value, err := topic.EncodeEvent(run.Event{
			Type: run.EventClaimed, Job: "gone", Run: id, Cluster: elsewhere, Fence: 3, Attempt: 1, By: "w1", At: time.Now().UTC(),
		})
		require.NoError(t, err)
		w.produce(w.names.Events(), "gone", value)
		p := w.told(func(c run.Control) bool { return c.Type == run.ControlRecall && c.Run == id && c.Cluster == elsewhere })
		require.Equal(t, topic.ControlPartition(elsewhere, topic.ControlPartitions), p)
		require.NotZero(t, p)
	})
}

// Installations of earlier releases have one partition of control for all.
func TestControlOfOnePartition(t *testing.T) {
	conform(t, func(w *world) {
		w.names.Prefix += "old."
		_, err := kadm.NewClient(w.cl).CreateTopic(t.Context(), 1, -1, nil, w.names.Control())
		require.NoError(t, err)
		_, err = kafka.NewAdmin(w.cl, w.names).EnsureTopics(t.Context(), []string{"cluster-a"}, shards, kafka.EnsureOptions{QueuePartitions: 1})
		require.NoError(t, err)
		w.start("one")
		w.beat(member.Beat{ID: "w1", Incarnation: 1, Seq: 1, Runs: member.Slots{Total: 3, Free: 3, Partitions: []int32{0}}})
		p := w.told(func(c run.Control) bool { return c.Type == run.ControlFree && c.FreeSlots == 3 })
		require.Zero(t, p)
	})
}

// Somebody else's Kafka may hold thousands of topics: a scheduler asks for its
// own by name.
func TestOnlyOwnTopicsAreAskedAbout(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(), kfake.SeedTopics(1, "someone-elses"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := newWorld(t, c.ListenAddrs())
	var asked, all, others atomic.Int64
	c.ControlKey(kmsg.Metadata.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked.Add(1)
		topics := req.(*kmsg.MetadataRequest).Topics
		if topics == nil {
			all.Add(1)
		}
		for _, t := range topics {
			if t.Topic != nil && *t.Topic == "someone-elses" {
				others.Add(1)
			}
		}
		return nil, nil, false
	})
	w.follow()
	w.start("one")
	w.apply("ticking")
	requireRow(t, w.receive("ticking", 8)) // beyond the time after which counts are asked for again
	require.Positive(t, asked.Load())
	require.Zero(t, all.Load(), "all topics of the Kafka were asked for")
	require.Zero(t, others.Load())
}

// TestEachSchedulerKeepsABeatItCannotRead: while shards change hands, nobody
// could be said to write for all.
func TestEachSchedulerKeepsABeatItCannotRead(t *testing.T) {
	conform(t, func(w *world) {
		w.start("one")
		w.start("two")
		r := &kgo.Record{Topic: w.names.Members(), Key: []byte("x"), Value: []byte("{not json")}
		require.NoError(t, w.cl.ProduceSync(t.Context(), r).FirstErr())
		by := map[string]int{}
		for limit := time.Now().Add(30 * time.Second); len(by) < 2 && time.Now().Before(limit); {
			clear(by)
			require.NoError(t, kafka.ReadAll(t.Context(), w.kafka, w.names.Dead(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
				d, err := topic.DecodeDeadLetter(r.Value)
				by[d.By]++
				return err
			}))
		}
		require.Equal(t, map[string]int{"one": 1, "two": 1}, by)
	})
}

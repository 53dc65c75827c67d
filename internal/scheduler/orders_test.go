package scheduler_test

import (
	"errors"
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

// slowJobs moves the jobs topic to a broker of its own and answers, once hold
// was called, no fetch of it before release was. By the time hold returns, the
// fetches of all shards are waiting.
func (w *world) slowJobs(c *kfake.Cluster) (hold, release func()) {
	w.t.Helper()
	topics, err := kadm.NewClient(w.cl).ListTopics(w.t.Context())
	require.NoError(w.t, err)
	const jobsBroker, otherBroker = 0, 1
	for _, p := range topics.TopicsSet().Sorted() {
		for _, partition := range p.Partitions {
			broker := int32(otherBroker)
			if p.Topic == w.names.Jobs() {
				broker = jobsBroker
			}
			require.NoError(w.t, c.MoveTopicPartition(p.Topic, partition, broker))
		}
	}
	var held atomic.Bool
	waiting, released := make(chan struct{}, 100), make(chan struct{})
	c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if held.Load() && c.CurrentNode() == jobsBroker {
			c.SleepControl(func() {
				waiting <- struct{}{}
				<-released
			})
		}
		return nil, nil, false
	})
	hold = func() {
		held.Store(true)
		for range shards {
			<-waiting
		}
	}
	release = func() { held.Store(false); close(released) }
	return hold, release
}

// awaitBeats waits until the schedulers have beaten so many times from now on.
func (w *world) awaitBeats(n int) {
	w.t.Helper()
	since, enough := time.Now(), errors.New("enough")
	err := kafka.Follow(w.t.Context(), w.kafka, w.names.Members(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		b, err := topic.DecodeBeat(r.Value)
		if err == nil && b.Role == member.RoleScheduler && b.At.After(since) {
			n--
		}
		if n == 0 {
			return enough
		}
		return err
	})
	require.ErrorIs(w.t, err, enough)
}

// The record of a job that was applied right before a command may be read long
// after the command: the command waits for it.
func TestACommandFindsTheJobAppliedBeforeIt(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SleepOutOfOrder())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := newWorld(t, c.ListenAddrs())
	hold, release := w.slowJobs(c)
	w.follow()
	w.start("one")
	hold()
	w.define("asked", "")
	value, err := topic.EncodeRequest(run.Request{Type: run.RequestRun, ID: "now", Job: "asked", At: time.Now().UTC()})
	require.NoError(t, err)
	w.produce(w.names.Commands(), "asked", value)
	w.awaitBeats(4) // by then the command would have been answered
	release()
	require.Equal(t, run.TriggerManual, w.receive("asked", 1)[0].Trigger)
}

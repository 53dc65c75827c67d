package scheduler_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/scheduler"
	"github.com/belfry-cron/belfry/internal/topic"
)

const shards = 4

// world is a Kafka with Belfry's topics, and what the runs topic received.
type world struct {
	t     *testing.T
	kafka kafka.Options
	names topic.Names
	cl    *kgo.Client
	runs  chan run.Run
	// metrics are those of the scheduler begun next, nil for nobody's.
	metrics *prometheus.Registry
}

// conform runs f on an in-process broker, and on real ones if
// BELFRY_TEST_BROKERS names them.
func conform(t *testing.T, f func(w *world)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) {
		if testing.Short() && os.Getenv("BELFRY_TEST_BROKERS") != "" {
			t.Skip("short: real brokers will do")
		}
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder())
		require.NoError(t, err)
		t.Cleanup(c.Close)
		f(newWorld(t, c.ListenAddrs()))
	})
	t.Run("real", func(t *testing.T) {
		brokers := os.Getenv("BELFRY_TEST_BROKERS")
		if brokers == "" {
			t.Skip("BELFRY_TEST_BROKERS names no brokers")
		}
		f(newWorld(t, strings.Split(brokers, ",")))
	})
}

func newWorld(t *testing.T, brokers []string) *world {
	t.Helper()
	w := &world{
		t: t, kafka: kafka.Options{Brokers: brokers},
		names: topic.Names{Prefix: fmt.Sprintf("s%d.", time.Now().UnixNano())},
		runs:  make(chan run.Run, 10_000),
	}
	cl, err := w.kafka.Client()
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	w.cl = cl
	_, err = kafka.NewAdmin(cl, w.names).EnsureTopics(t.Context(), []string{"cluster-a"}, shards, kafka.EnsureOptions{QueuePartitions: 1})
	require.NoError(t, err)
	return w
}

// follow sends every committed run to w.runs.
func (w *world) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		_ = kafka.Follow(ctx, w.kafka, w.names.Runs("cluster-a"), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			decoded, err := topic.DecodeRun(r.Value, "cluster-a")
			if err == nil {
				w.runs <- decoded
				w.work(ctx, decoded)
			}
			return err
		})
	})
	done.Go(func() { w.beatOn(ctx) })
	w.t.Cleanup(func() { cancel(); done.Wait() })
}

// work reports of a run what a worker would that is done with it at once.
func (w *world) work(ctx context.Context, r run.Run) {
	for _, t := range []run.EventType{run.EventClaimed, run.EventStarting, run.EventFinished} {
		ev := run.Event{
			Type: t, Job: r.Job, Run: r.ID, Cluster: r.Cluster, Due: r.Due, Attempt: r.Attempt, Fence: r.Fence,
			At: time.Now().UTC(), By: "w1", Incarnation: 1, Trigger: r.Trigger,
		}
		if t == run.EventFinished {
			ev.Outcome = &run.Outcome{State: run.StateSucceeded}
		}
		if value, err := topic.EncodeEvent(ev); err == nil {
			w.cl.Produce(ctx, &kgo.Record{Topic: w.names.Events(), Partition: r.Shard, Key: []byte(r.Job), Value: value}, nil)
		}
	}
}

// beatOn says each second that a worker lives that takes runs off every
// partition of the queue.
func (w *world) beatOn(ctx context.Context) {
	tick := time.NewTicker(member.WorkerEvery)
	defer tick.Stop()
	for b := (member.Beat{ID: "w1", Role: member.RoleWorker, Incarnation: 1, Cluster: "cluster-a"}); ctx.Err() == nil; {
		b.Seq++
		b.At = time.Now().UTC()
		b.Runs = member.Slots{Total: 100, Free: 100, Partitions: []int32{0, 1, 2}}
		value, err := topic.EncodeBeat(b)
		if err != nil {
			return
		}
		r := &kgo.Record{Topic: w.names.Members(), Partition: 0, Key: []byte(b.ID), Value: value}
		w.cl.Produce(ctx, r, nil)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// apply writes a job that is due each second.
func (w *world) apply(name string) { w.define(name, "* * * * * *") }

// define writes a job of that schedule.
func (w *world) define(name, schedule string) {
	w.t.Helper()
	value, err := topic.EncodeJob(topic.Job{AppliedAt: time.Now().UTC(), Job: job.Job{
		Name: name, Schedule: schedule, Seconds: schedule != "", Timezone: "UTC", Cluster: "cluster-a",
		Command: []string{"true"}, Overlap: job.OverlapAllow, OnLost: job.LostFail,
		CatchUp: job.CatchUp{Policy: job.CatchUpAll, Window: time.Hour},
	}})
	require.NoError(w.t, err)
	w.produce(w.names.Jobs(), name, value)
}

func (w *world) produce(name, key string, value []byte) {
	w.t.Helper()
	w.produceTo(name, topic.Partition(key, shards), key, value)
}

func (w *world) produceTo(name string, p int32, key string, value []byte) {
	w.t.Helper()
	r := &kgo.Record{Topic: name, Partition: p, Key: []byte(key), Value: value}
	require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), r).FirstErr())
}

// start runs a scheduler until the returned function is called, which waits
// for it to have left.
func (w *world) start(name string) (stop func()) {
	w.t.Helper()
	leave, done := w.begin(name)
	stop = sync.OnceFunc(func() {
		leave()
		require.NoError(w.t, <-done)
	})
	w.t.Cleanup(stop)
	return stop
}

// begin is start for a scheduler that may end by itself: done gets how it did.
func (w *world) begin(name string) (leave func(), done <-chan error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	o := scheduler.Options{
		Name: name, Kafka: w.kafka, Names: w.names, Shards: shards, Lead: 3 * time.Second,
		CreateTopics: true, Ready: func() { close(ready) },
		Log: slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	if w.metrics != nil {
		o.Registry = w.metrics
	}
	go func() { ended <- scheduler.Run(ctx, o) }()
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(w.t, err)
	case <-time.After(30 * time.Second):
		w.t.Fatal("the scheduler was not ready within 30 s")
	}
	return cancel, ended
}

// receive returns the next n runs of the job, in the order they arrive.
func (w *world) receive(name string, n int) []run.Run {
	w.t.Helper()
	var got []run.Run
	limit := time.After(60 * time.Second)
	for len(got) < n {
		select {
		case r := <-w.runs:
			if r.Job == name {
				got = append(got, r)
			}
		case <-limit:
			w.t.Fatalf("only %d of %d runs of %s arrived within a minute", len(got), n, name)
		}
	}
	return got
}

// requireRow fails unless the runs are due in consecutive seconds.
func requireRow(t *testing.T, runs []run.Run) {
	t.Helper()
	for i := 1; i < len(runs); i++ {
		require.Equal(t, runs[i-1].Due.Add(time.Second), runs[i].Due, "after %s", runs[i-1].Due)
		require.Greater(t, runs[i].Fence, runs[i-1].Fence)
	}
}

func TestEveryDueTimeIsStagedOnceAndAhead(t *testing.T) {
	conform(t, func(w *world) {
		w.follow()
		w.start("one")
		w.apply("ticking")
		runs := w.receive("ticking", 10)
		requireRow(t, runs)
		for _, r := range runs[4:] {
			require.True(t, r.StagedAt.Before(r.NotBefore), "%s was staged at %s", r.Due, r.StagedAt)
		}
	})
}

func TestASuccessorGoesOnWhereTheLastOwnerStopped(t *testing.T) {
	conform(t, func(w *world) {
		w.follow()
		stop := w.start("one")
		w.apply("ticking")
		runs := w.receive("ticking", 5)
		stop()
		w.start("two")
		requireRow(t, append(runs, w.receive("ticking", 10)...))
	})
}

func TestTwoSchedulersShareTheShards(t *testing.T) {
	conform(t, func(w *world) {
		w.follow()
		w.start("one")
		for i := range 8 {
			w.apply(fmt.Sprintf("job-%d", i))
		}
		stop := w.start("two")
		before := w.receive("job-0", 4)
		stop()
		requireRow(t, append(before, w.receive("job-0", 8)...))
	})
}

func TestOfTwoUnderOneNameTheNewerStays(t *testing.T) {
	conform(t, func(w *world) {
		w.follow()
		leave, older := w.begin("one")
		defer leave()
		w.apply("ticking")
		runs := w.receive("ticking", 3)
		w.start("one")
		require.ErrorIs(t, <-older, scheduler.ErrReplaced)
		requireRow(t, append(runs, w.receive("ticking", 6)...))
	})
}

func TestALifeAfterTheClockWasSetBackGoesOn(t *testing.T) {
	conform(t, func(w *world) {
		ahead := time.Now().Add(time.Hour).UnixNano()
		value, err := topic.EncodeBeat(member.Beat{ID: "one", Role: member.RoleScheduler, Incarnation: ahead, Seq: 7})
		require.NoError(t, err)
		r := &kgo.Record{Topic: w.names.Members(), Partition: 0, Key: []byte("one"), Value: value}
		require.NoError(t, w.cl.ProduceSync(t.Context(), r).FirstErr())
		w.follow()
		w.start("one")
		w.apply("ticking")
		w.receive("ticking", 3)
	})
}

// One job whose record its topic does not take: the others go on.
func TestWhatKafkaDoesNotTakeSetsItsJobAside(t *testing.T) {
	conform(t, func(w *world) {
		w.follow()
		_, err := kadm.NewClient(w.cl).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{
			{Op: kadm.SetConfig, Name: "max.message.bytes", Value: new("4000")},
		}, w.names.Runs("cluster-a"))
		require.NoError(t, err)
		w.start("one")
		w.apply("ticking")
		w.receive("ticking", 2)
		noise := make([]byte, 20_000) // no codec makes it small
		_, _ = rand.Read(noise)
		value, err := topic.EncodeJob(topic.Job{AppliedAt: time.Now().UTC(), Job: job.Job{
			Name: "big", Schedule: "* * * * * *", Seconds: true, Timezone: "UTC", Cluster: "cluster-a",
			Command: []string{"true"}, Stdin: base64.StdEncoding.EncodeToString(noise),
		}.WithDefaults()})
		require.NoError(t, err)
		w.produce(w.names.Jobs(), "big", value)
		requireRow(t, w.receive("ticking", 15))
		var reasons []string
		require.NoError(t, kafka.ReadAll(t.Context(), w.kafka, w.names.Dead(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			d, err := topic.DecodeDeadLetter(r.Value)
			reasons = append(reasons, string(d.Key)+": "+d.Reason)
			return err
		}))
		require.Contains(t, reasons, "big: set aside: oversized")
	})
}

func TestUnreadableRecordsGoToDeadLettersAndTheShardGoesOn(t *testing.T) {
	conform(t, func(w *world) {
		w.follow()
		stop := w.start("one")
		for _, name := range []string{w.names.Jobs(), w.names.Commands(), w.names.Events()} {
			w.produce(name, "ticking", []byte("{not json"))
		}
		w.produce(w.names.Jobs(), "ticking", []byte(`{"v":99,"job":{"name":"ticking"}}`))
		w.apply("ticking")
		runs := w.receive("ticking", 3)
		stop()
		w.produce(w.names.State(), "ticking-too", []byte("{not json"))
		w.start("two")
		requireRow(t, append(runs, w.receive("ticking", 6)...))
		reasons := map[string][]string{}
		require.NoError(t, kafka.ReadAll(t.Context(), w.kafka, w.names.Dead(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			d, err := topic.DecodeDeadLetter(r.Value)
			from := strings.TrimPrefix(d.Topic, w.names.Prefix)
			reasons[from] = append(reasons[from], d.Reason)
			return err
		}))
		for _, from := range []string{"commands", "events", "state"} {
			require.Len(t, reasons[from], 1, from)
		}
		require.Len(t, reasons["jobs"], 2)
		require.Contains(t, reasons["jobs"][1], "unknown record version 99")
	})
}

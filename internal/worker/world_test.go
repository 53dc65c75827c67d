package worker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/internal/worker"
)

const (
	shards  = 2
	cluster = "cluster-b"
	// patience is how long a test waits for what must come.
	patience = 30 * time.Second
)

// world is a Kafka with Belfry's topics, and all that workers wrote to it.
// The tests are its scheduler.
type world struct {
	t      *testing.T
	broker *kfake.Cluster
	kafka  kafka.Options
	names  topic.Names
	cl     *kgo.Client
	stop   context.CancelFunc
	roles  sync.WaitGroup

	mute atomic.Bool // claims of old runs are not answered

	mu      sync.Mutex
	changed chan struct{}
	events  []run.Event
	beats   []member.Beat
}

func newWorld(t *testing.T, c *kfake.Cluster, o kafka.Options) *world {
	t.Helper()
	w := &world{t: t, broker: c, kafka: o, names: topic.Names{Prefix: "w."}, changed: make(chan struct{})}
	cl, err := o.Client()
	require.NoError(t, err)
	w.cl = cl
	_, err = kafka.NewAdmin(cl, w.names).EnsureTopics(t.Context(), []string{cluster}, shards,
		kafka.EnsureOptions{QueuePartitions: 1})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.follow(ctx, w.names.Events(), func(r *kgo.Record) error {
		ev, err := topic.DecodeEvent(r.Value)
		w.events = append(w.events, ev)
		if ev.Confirm && !w.mute.Load() {
			w.roles.Go(func() {
				w.control(run.Control{Type: run.ControlConfirm, Run: ev.Run, Fence: ev.Fence, Member: ev.By})
			})
		}
		return err
	})
	w.follow(ctx, w.names.Members(), func(r *kgo.Record) error {
		b, err := topic.DecodeBeat(r.Value)
		w.beats = append(w.beats, b)
		return err
	})
	return w
}

func (w *world) follow(ctx context.Context, name string, take func(*kgo.Record) error) {
	w.roles.Go(func() {
		_ = kafka.Follow(ctx, w.kafka, name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			close(w.changed)
			w.changed = make(chan struct{})
			return take(r)
		})
	})
}

func (w *world) close() {
	w.stop()
	w.roles.Wait()
	w.cl.Close()
}

// await waits until see, called with what was written so far, is content.
func (w *world) await(what string, see func(events []run.Event, beats []member.Beat) bool) {
	w.t.Helper()
	limit := time.After(patience)
	for {
		w.mu.Lock()
		events, beats, changed := slices.Clone(w.events), slices.Clone(w.beats), w.changed
		w.mu.Unlock()
		if see(events, beats) {
			return
		}
		select {
		case <-changed:
		case <-limit:
			require.Fail(w.t, "waited in vain for "+what, "events: %+v", events)
		}
	}
}

// awaitEvent waits for an event about a run.
func (w *world) awaitEvent(t run.EventType, r run.Run) run.Event {
	w.t.Helper()
	var found run.Event
	w.await(string(t)+" of "+r.Job, func(events []run.Event, _ []member.Beat) bool {
		i := slices.IndexFunc(events, func(ev run.Event) bool { return ev.Type == t && ev.Key() == r.Key() })
		if i >= 0 {
			found = events[i]
		}
		return i >= 0
	})
	return found
}

// count returns how many events of a type there are about a run.
func (w *world) count(t run.EventType, r run.Run) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, ev := range w.events {
		if ev.Type == t && ev.Key() == r.Key() {
			n++
		}
	}
	return n
}

// newRun returns a run due after a while, staged now.
func newRun(name string, in time.Duration) run.Run {
	now := time.Now().UTC()
	return run.Run{
		ID: run.NewID(name, now.Add(in), ""), Job: name, Cluster: cluster, Due: now.Add(in), NotBefore: now.Add(in),
		StagedAt: now, Attempt: 1, Fence: 1, Trigger: run.TriggerSchedule, Command: []string{name},
		OnLost: job.LostFail, Shard: topic.Partition(name, shards),
	}
}

func (w *world) stage(r run.Run) {
	w.t.Helper()
	value, err := topic.EncodeRun(r)
	require.NoError(w.t, err)
	name := w.names.Runs(cluster)
	if r.Attempt > 1 {
		name = w.names.Retries(cluster)
	}
	w.produce(name, string(r.ID), value)
}

func (w *world) control(c run.Control) {
	w.t.Helper()
	c.At = time.Now().UTC()
	value, err := topic.EncodeControl(c)
	require.NoError(w.t, err)
	r := &kgo.Record{
		Topic: w.names.Control(), Key: []byte(topic.ControlKey(&c)), Value: value,
		Partition: topic.ControlPartition(cluster, topic.ControlPartitions),
	}
	require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), r).FirstErr())
}

func (w *world) produce(name, key string, value []byte) {
	w.t.Helper()
	r := &kgo.Record{Topic: name, Key: []byte(key), Value: value}
	require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), r).FirstErr())
}

// read returns the values of a topic's records.
func (w *world) read(name string) [][]byte {
	w.t.Helper()
	var values [][]byte
	err := kafka.ReadAll(w.t.Context(), w.kafka, name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		values = append(values, r.Value)
		return nil
	})
	require.NoError(w.t, err)
	return values
}

// start runs a worker until the returned function is called, which waits
// for it to have left.
func (w *world) start(runner worker.Runner, change func(*worker.Options)) (stop func()) {
	w.t.Helper()
	leave, done := w.begin(runner, change)
	return func() {
		leave()
		require.NoError(w.t, <-done)
	}
}

// begin is start for a worker that may end by itself: done gets how it did.
func (w *world) begin(runner worker.Runner, change func(*worker.Options)) (stop func(), done <-chan error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	o := worker.Options{
		Name: "w1", Cluster: cluster, Queues: []run.Queue{run.QueueRuns, run.QueueRetries},
		Slots: 1, RetrySlots: 1, Kafka: w.kafka, Names: w.names, Shards: shards, Runner: runner,
		Ready: func() { close(ready) },
	}
	if change != nil {
		change(&o)
	}
	go func() { ended <- worker.Run(ctx, o) }()
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(w.t, err)
		require.Fail(w.t, "the worker left at once")
	case <-time.After(patience):
		require.Fail(w.t, "the worker is not ready")
	}
	return cancel, ended
}

// fault has the broker cut connections over which requests of a kind come, for
// as long as the returned function has not been called; that reports how many.
func (w *world) fault(key int16) (heal func() int64) {
	var cut atomic.Int64
	var healed atomic.Bool
	w.broker.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.KeepControl()
		if healed.Load() {
			return nil, nil, false
		}
		cut.Add(1)
		return nil, errors.New("cut"), true
	})
	return func() int64 { healed.Store(true); return cut.Load() }
}

// script is a Runner without processes: a command named in blocking goes on
// until it is cancelled, all others succeed at once.
type script struct {
	blocking []string
	started  chan start
}

// start is one call of Run.
type start struct {
	command exec.Command
	at      time.Time
}

func newScript(blocking ...string) *script {
	return &script{blocking: blocking, started: make(chan start, 100)}
}

func (s *script) Run(ctx context.Context, c exec.Command, out exec.Output) run.Outcome {
	begin := time.Now()
	s.started <- start{command: c, at: begin}
	o := run.Outcome{State: run.StateSucceeded, StartedAt: begin.UTC()}
	if slices.Contains(s.blocking, c.Args[0]) {
		<-ctx.Done()
		o.State, o.ExitCode, o.Reason = run.StateCancelled, -1, context.Cause(ctx).Error()
	} else {
		out(exec.Stdout, []byte("hello from "+c.Args[0]))
	}
	o.EndedAt = time.Now().UTC()
	return o
}

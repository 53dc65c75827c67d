package hostile

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/scheduler"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/internal/worker"
	"github.com/belfry-cron/belfry/test/site"
)

const (
	shards = 4
	// home is where the good jobs run; away has a worker too, and no job.
	home, away = "cluster-a", "cluster-b"
	// patience is how long anything may take on two busy cores.
	patience = 30 * time.Second
)

// world is a Kafka in memory, its members, and what they wrote.
type world struct {
	t     *testing.T
	dice  *rand.Rand
	kafka kafka.Options
	names topic.Names
	cl    *kgo.Client
	log   *logbook

	members map[string]*life
	// past holds the metrics of members that have left.
	past []*prometheus.Registry
	good map[string]bool

	mu      sync.Mutex
	planted map[topic.Place]poison
	lines   []check.Line
	ledger  site.Ledger
	// held are the latest handings-out that a worker holds, newest last.
	held []run.Event
	// seen are some of the latest records of each topic.
	seen map[string][]*kgo.Record
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0", "log.cleaner.backoff.ms": "3600000"}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := &world{
		t: t, dice: rand.New(rand.NewPCG(seed, 0)), kafka: kafka.Options{Brokers: c.ListenAddrs()},
		names: topic.Names{Prefix: "h."}, members: map[string]*life{}, good: map[string]bool{},
		planted: map[topic.Place]poison{}, seen: map[string][]*kgo.Record{}, log: newLogbook(t),
	}
	w.cl, err = w.kafka.Client()
	require.NoError(t, err)
	t.Cleanup(w.cl.Close)
	_, err = kafka.NewAdmin(w.cl, w.names).EnsureTopics(t.Context(), []string{home, away}, shards, kafka.EnsureOptions{})
	require.NoError(t, err)
	w.follow()
	return w
}

// life is one life of a scheduler or worker.
type life struct {
	name     string
	registry *prometheus.Registry
	stop     context.CancelFunc
	ready    chan struct{}
	done     chan error
}

// begin gives a member a life, and waits until it is ready.
func (w *world) begin(name string, live func(ctx context.Context, m *life) error) {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	m := &life{name: name, registry: prometheus.NewRegistry(), stop: stop, ready: make(chan struct{}), done: make(chan error, 1)}
	w.members[name] = m
	go func() { m.done <- live(ctx, m) }()
	w.t.Cleanup(stop)
	select {
	case <-m.ready:
	case err := <-m.done:
		require.FailNow(w.t, "it ended before it was ready", "%s: %v", name, err)
	case <-time.After(patience):
		require.FailNow(w.t, "it is not ready", name)
	}
}

func (w *world) scheduler(name string) {
	w.t.Helper()
	w.begin(name, func(ctx context.Context, m *life) error {
		return scheduler.Run(ctx, scheduler.Options{
			Name: name, Kafka: w.kafka, Names: w.names, Shards: shards, Lead: 5 * time.Second, CreateTopics: true,
			Registry: m.registry, Log: slog.New(w.log), Ready: func() { close(m.ready) },
		})
	})
}

func (w *world) worker(name, cluster string) {
	w.t.Helper()
	w.begin(name, func(ctx context.Context, m *life) error {
		return worker.Run(ctx, worker.Options{
			Name: name, Cluster: cluster, Queues: []run.Queue{run.QueueRuns, run.QueueRetries}, Slots: 50, RetrySlots: 20,
			Drain: 5 * time.Second, Kafka: w.kafka, Names: w.names, Shards: shards, Runner: &commands{world: w, host: name},
			Registry: m.registry, Log: slog.New(w.log), Ready: func() { close(m.ready) },
		})
	})
}

// leave has members say goodbye, and requires them to have lived until then.
func (w *world) leave(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.requireAlive(name)
		w.members[name].stop()
	}
	for _, name := range names {
		m := w.members[name]
		select {
		case err := <-m.done:
			require.NoError(w.t, err, name)
		case <-time.After(patience):
			require.FailNow(w.t, "it does not leave", name)
		}
		delete(w.members, name)
		w.past = append(w.past, m.registry)
	}
}

func (w *world) requireAlive(name string) {
	w.t.Helper()
	select {
	case err := <-w.members[name].done:
		require.FailNow(w.t, "it ended by itself", "%s: %v", name, err)
	default:
	}
}

// pass lets time pass: the passing of due times is what this is about.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	select {
	case <-time.After(d):
	case <-w.t.Context().Done():
	}
}

// await polls until ok, and fails the test when patience ends.
func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	for limit := time.Now().Add(patience); !ok(); w.pass(100 * time.Millisecond) {
		require.True(w.t, time.Now().Before(limit), "waited %s for %s", patience, what)
	}
}

// count sums a counter over all members that ever lived, by a label.
func (w *world) count(name, label string) map[string]int {
	w.t.Helper()
	all := w.past
	for _, m := range w.members {
		all = append(all, m.registry)
	}
	sums := map[string]int{}
	for _, registry := range all {
		families, err := registry.Gather()
		require.NoError(w.t, err)
		for _, family := range families {
			if family.GetName() != name {
				continue
			}
			for _, m := range family.GetMetric() {
				of := ""
				for _, pair := range m.GetLabel() {
					if pair.GetName() == label {
						of = pair.GetValue()
					}
				}
				if n := int(m.GetCounter().GetValue()); n > 0 { // those of known labels begin at zero
					sums[of] += n
				}
			}
		}
	}
	return sums
}

func (w *world) write(l check.Line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, l)
}

// produce writes a record of a sharded topic where it belongs.
func (w *world) produce(name, key string, value []byte) {
	w.t.Helper()
	r := &kgo.Record{Topic: name, Partition: topic.Partition(key, shards), Key: []byte(key), Value: value}
	require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), r).FirstErr(), "%s", fmt.Sprint(name, key))
}

//go:build synctests

package virtual

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/test/site"
)

const (
	shards  = 4
	cluster = "cluster-a"
)

// world is a Kafka in memory, its members, and people who change things.
type world struct {
	t       *testing.T
	dice    *rand.Rand
	network kfake.VirtualNetwork
	kafka   kafka.Options
	names   topic.Names
	cl      *kgo.Client

	members map[string]*member
	corpses []*member
	jobs    map[string]job.Job
	paused  string
	faults  []check.Fault

	mu     sync.Mutex
	lines  []check.Line
	ledger site.Ledger
	recent []run.Event
	kept   map[string][]*kgo.Record // by topic
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		t: t, dice: rand.New(rand.NewPCG(seed, 0)), names: topic.Names{Prefix: "v."},
		members: map[string]*member{}, jobs: map[string]job.Job{}, kept: map[string][]*kgo.Record{},
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(), kfake.ListenFn(w.network.Listen), kfake.Ports(9092),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "60000"}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w.kafka = kafka.Options{Brokers: c.ListenAddrs(), Dialer: w.network.DialContext}
	w.cl, err = w.kafka.Client()
	require.NoError(t, err)
	t.Cleanup(w.cl.Close)
	_, err = kafka.NewAdmin(w.cl, w.names).EnsureTopics(t.Context(), []string{cluster}, shards, kafka.EnsureOptions{})
	require.NoError(t, err)
	w.follow()
	return w
}

// follow folds the ledger as it is written, and keeps what the judge wants to
// see before it is compacted: every definition, and every word of the shards
// about how far they had come.
func (w *world) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	following := func(name string, each func(*kgo.Record) error) {
		done.Go(func() {
			_ = kafka.Follow(ctx, w.kafka, name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				return each(r)
			})
		})
	}
	keep := func(r *kgo.Record) error {
		if r.Topic == w.names.Jobs() || string(r.Key) == topic.ShardKey {
			w.kept[r.Topic] = append(w.kept[r.Topic], r)
		}
		return nil
	}
	following(w.names.Jobs(), keep)
	following(w.names.State(), keep)
	following(w.names.Events(), func(r *kgo.Record) error {
		ev, err := topic.DecodeEvent(r.Value)
		w.ledger.Observe(&ev)
		w.recent = append(w.recent[max(0, len(w.recent)-20):], ev)
		return err
	})
	w.t.Cleanup(func() { cancel(); done.Wait() })
}

// read is site.Reader's.
func (w *world) read(name string, each func(*kgo.Record) error) error {
	w.mu.Lock()
	kept, ok := w.kept[name]
	w.mu.Unlock()
	if !ok {
		return site.Read(w.t.Context(), w.kafka)(name, each)
	}
	for _, r := range kept {
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) write(l check.Line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, l)
}

func (w *world) produce(name, key string, value []byte) {
	w.t.Helper()
	r := &kgo.Record{Topic: name, Partition: topic.Partition(key, shards), Key: []byte(key), Value: value}
	require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), r).FirstErr())
}

func (w *world) apply(j job.Job) {
	w.t.Helper()
	j = j.WithDefaults()
	j.Timezone, j.Cluster, j.Command = "UTC", cluster, []string{"pass", "time"}
	value, err := topic.EncodeJob(topic.Job{AppliedAt: time.Now().UTC(), Job: j})
	require.NoError(w.t, err)
	w.jobs[j.Name] = j
	w.produce(w.names.Jobs(), j.Name, value)
}

func (w *world) ask(r run.Request) {
	w.t.Helper()
	r.ID, r.At = fmt.Sprintf("r%d", w.dice.Uint64()), time.Now().UTC()
	value, err := topic.EncodeRequest(r)
	require.NoError(w.t, err)
	w.produce(w.names.Commands(), r.Job, value)
}

// populate applies jobs of all kinds.
func (w *world) populate() {
	w.t.Helper()
	all := job.CatchUp{Policy: job.CatchUpAll, Window: 24 * time.Hour}
	soon := job.Backoff{Initial: 2 * time.Second, Factor: 2, Max: time.Minute, Jitter: 0.2}
	for i := range 3 {
		w.apply(job.Job{Name: fmt.Sprintf("tick-%d", i), Schedule: "*/20 * * * * *", Seconds: true, CatchUp: all, OnLost: job.LostRetry})
		w.apply(job.Job{Name: fmt.Sprintf("once-%d", i), Schedule: "* * * * *", CatchUp: all, OnLost: job.LostFail, Jitter: 40 * time.Second})
		w.apply(job.Job{Name: fmt.Sprintf("flaky-%d", i), Schedule: "*/2 * * * *", CatchUp: all, Retries: 3, RetryBackoff: soon})
	}
	for _, overlap := range []job.Overlap{job.OverlapSkip, job.OverlapQueue, job.OverlapReplace} {
		w.apply(job.Job{Name: "slow-" + string(overlap), Schedule: "@every 15s", Overlap: overlap, OnLost: job.LostRetry})
	}
	w.apply(job.Job{Name: "failing-1", Schedule: "*/5 * * * *", Retries: 2, RetryBackoff: soon})
	w.apply(job.Job{Name: "hung-1", Schedule: "*/10 * * * *", Timeout: 20 * time.Second})
	w.apply(job.Job{Name: "long-1", Schedule: "*/15 * * * *", Overlap: job.OverlapSkip, OnLost: job.LostRetry})
	w.apply(job.Job{Name: "prompt-1", Schedule: "* * * * *", StartDeadline: 5 * time.Second})
	w.apply(job.Job{Name: "asked-1", OnLost: job.LostRetry})
	w.apply(job.Job{Name: "edited-1", Schedule: "*/30 * * * * *", Seconds: true, CatchUp: all})
	w.apply(job.Job{Name: "gone-1", Schedule: "*/30 * * * * *", Seconds: true})
}

// disturb has somebody change something.
func (w *world) disturb() {
	w.t.Helper()
	switch w.dice.IntN(5) {
	case 0:
		j := w.jobs["edited-1"]
		j.Schedule = fmt.Sprintf("%d-59/%d * * * * *", w.dice.IntN(10), 5+w.dice.IntN(30))
		w.apply(j)
	case 1:
		if w.paused == "" {
			w.paused = fmt.Sprintf("tick-%d", w.dice.IntN(3))
			w.ask(run.Request{Type: run.RequestPause, Job: w.paused})
			return
		}
		w.ask(run.Request{Type: run.RequestResume, Job: w.paused})
		w.paused = ""
	case 2:
		w.ask(run.Request{Type: run.RequestRun, Job: "asked-1"})
	case 3:
		if j, ok := w.jobs["gone-1"]; ok {
			delete(w.jobs, "gone-1")
			w.produce(w.names.Jobs(), j.Name, nil)
			return
		}
		w.apply(job.Job{Name: "gone-1", Schedule: "*/30 * * * * *", Seconds: true})
	case 4:
		w.mu.Lock()
		ev := w.recent[w.dice.IntN(len(w.recent))]
		w.mu.Unlock()
		if ev.Run != "" {
			w.ask(run.Request{Type: run.RequestCancel, Job: ev.Job, Run: ev.Run})
		}
	}
}

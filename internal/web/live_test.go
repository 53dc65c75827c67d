package web

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/tail"
	"github.com/belfry-cron/belfry/internal/topic"
)

// liveTown is a village behind a broker: pages are live there, and what people
// change is written.
type liveTown struct {
	*town
	url    string
	site   *Site
	topics *query.Topics
	steer  *steer.Steer
	client *kgo.Client

	// The run that writes.
	writer  job.Job
	id      run.ID
	due     time.Time
	seq     int
	fenceOf int64
}

func newLive(t testing.TB) *liveTown {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	l := &liveTown{town: unfolded(t, time.Now().UTC())}
	l.topics = &query.Topics{Kafka: kafka.Options{Brokers: broker.ListenAddrs()}, Names: l.names, Shards: townShards}
	l.topics.Client, err = l.topics.Kafka.Client()
	require.NoError(t, err)
	t.Cleanup(l.topics.Client.Close)
	admin1 := kafka.NewAdmin(l.topics.Client, l.names)
	_, err = admin1.EnsureTopics(t.Context(), []string{"cluster-a", "cluster-b"}, townShards, kafka.EnsureOptions{})
	require.NoError(t, err)
	l.client, err = kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(l.client.Close)
	l.produce(t)

	l.steer = steer.New(steer.Options{Topics: l.topics})
	db, err := history.Open(context.Background(), history.Options{Path: filepath.Join(t.TempDir(), "live.db"), Shards: townShards})
	require.NoError(t, err)
	follower := tail.New(tail.Options{Kafka: l.topics.Kafka, Names: l.names, History: db})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- follower.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, db.Close())
	})
	require.Eventually(t, func() bool { return follower.Progress().Ready }, 30*time.Second, 20*time.Millisecond)
	site, err := New(Options{History: db, Tail: follower, Steer: l.steer, Topics: l.topics})
	require.NoError(t, err)
	server := httptest.NewServer(as(admin(), site))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	l.url, l.site = server.URL, site
	return l
}

// produce writes what was added since.
func (l *liveTown) produce(t testing.TB) {
	t.Helper()
	var records []*kgo.Record
	for _, r := range l.records {
		records = append(records, &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: r.At})
	}
	l.records = nil
	require.NoError(t, l.client.ProduceSync(t.Context(), records...).FirstErr())
}

// requests are what people asked for.
func (l *liveTown) requests(t testing.TB) []run.Request {
	t.Helper()
	var all []run.Request
	require.NoError(t, kafka.ReadAll(t.Context(), l.topics.Kafka, l.names.Commands(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		q, err := topic.DecodeRequest(r.Value)
		require.NoError(t, err)
		all = append(all, q)
		return nil
	}))
	return all
}

func (l *liveTown) inForce(t testing.TB, name string) job.Job {
	t.Helper()
	j, err := l.topics.Job(t.Context(), name)
	require.NoError(t, err)
	return j.Job
}

// putByAnother changes a job as somebody else would.
func (l *liveTown) putByAnother(t testing.TB, name string) {
	t.Helper()
	j := l.inForce(t, name)
	j.Description = "changed by bob"
	_, err := l.steer.PutJob(t.Context(), access.Principal{Name: "bob@example.org", Role: access.Editor, Via: access.API}, j, steer.AnyVersion)
	require.NoError(t, err)
}

// succeeds lets a run of the job come that is well.
func (l *liveTown) succeeds(t testing.TB, name string) {
	t.Helper()
	l.run(l.inForce(t, name), time.Now().UTC().Add(-time.Second).Truncate(time.Millisecond), way{state: run.StateSucceeded, took: 500 * time.Millisecond})
	l.produce(t)
}

// start starts a run.
func (l *liveTown) start(t testing.TB, name string) run.ID {
	t.Helper()
	l.writer, l.due, l.seq = l.inForce(t, name), time.Now().UTC().Truncate(time.Millisecond), 0
	l.id = l.run(l.writer, l.due, way{state: run.StateStarted})
	l.fenceOf = l.fence
	l.produce(t)
	return l.id
}

// writes lets it write.
func (l *liveTown) writes(t testing.TB, data string) {
	t.Helper()
	l.chunk(t, run.Output{Stream: "stdout", Data: []byte(data)})
}

func (l *liveTown) chunk(t testing.TB, o run.Output) {
	t.Helper()
	o.V, o.Run, o.Attempt, o.Fence, o.Seq, o.At = topic.Version, l.id, 1, l.fenceOf, l.seq, time.Now().UTC()
	l.seq++
	value, err := topic.EncodeOutput(o)
	l.add(l.names.Output(l.writer.Cluster), 0, string(l.id), value, err, o.At)
	l.produce(t)
}

// ends lets it end well.
func (l *liveTown) ends(t testing.TB) {
	t.Helper()
	l.chunk(t, run.Output{Last: true})
	now := time.Now().UTC()
	l.event(run.Event{
		Type: run.EventFinished, Job: l.writer.Name, Run: l.id, Cluster: l.writer.Cluster, Due: l.due, Attempt: 1, Fence: l.fenceOf, At: now, By: "worker-a1",
		Outcome: &run.Outcome{State: run.StateSucceeded, StartedAt: l.due, EndedAt: now},
	})
	l.produce(t)
}

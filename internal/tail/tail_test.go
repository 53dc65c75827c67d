package tail_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"modernc.org/sqlite"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/tail"
	"github.com/belfry-cron/belfry/internal/topic"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// world is the topics of a fresh broker.
type world struct {
	t      *testing.T
	kafka  kafka.Options
	client *kgo.Client
	names  topic.Names
	due    time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	w := &world{t: t, kafka: kafka.Options{Brokers: broker.ListenAddrs()}, names: topic.Names{Prefix: topic.DefaultPrefix}, due: time.Now().UTC().Truncate(time.Second)}
	w.client, err = w.kafka.Client()
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	w.cluster("east")
	return w
}

func (w *world) cluster(name string) {
	w.t.Helper()
	_, err := kafka.NewAdmin(w.client, w.names).EnsureTopics(w.t.Context(), []string{name}, 2, kafka.EnsureOptions{})
	require.NoError(w.t, err)
}

// server is a tail with a history of its own.
type server struct {
	*tail.Tail
	history *history.DB
	path    string
}

func (w *world) server() *server {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "history.db")
	d, err := history.Open(w.t.Context(), history.Options{Path: path, Shards: 2})
	require.NoError(w.t, err)
	s := &server{tail.New(tail.Options{Kafka: w.kafka, Names: w.names, History: d}), d, path}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		require.ErrorIs(w.t, <-ended, context.Canceled)
		require.NoError(w.t, d.Close())
	})
	return s
}

// ready waits until a server has read what there was, and returns a listener
// that was there all the time.
func (w *world) ready(s *server, f tail.Filter) *tail.Listener {
	w.t.Helper()
	l := s.Listen(f, "")
	if !s.Progress().Ready {
		for e := range w.events(l) {
			if e.Anew {
				break
			}
		}
	}
	return l
}

// events are what a listener gets, for as long as the test has patience.
func (w *world) events(l *tail.Listener) func(func(tail.Event) bool) {
	limit := time.NewTimer(patience)
	return func(yield func(tail.Event) bool) {
		defer limit.Stop()
		for {
			select {
			case e, ok := <-l.C():
				if !ok || !yield(e) {
					return
				}
			case <-limit.C:
				require.Fail(w.t, "nothing came")
			}
		}
	}
}

// next is the next event of a listener.
func (w *world) next(l *tail.Listener) tail.Event {
	w.t.Helper()
	for e := range w.events(l) {
		return e
	}
	require.Fail(w.t, "the listener was closed")
	return tail.Event{}
}

func (w *world) event(cl *kgo.Client, job string, id run.ID, kind run.EventType) {
	w.t.Helper()
	value, err := topic.EncodeEvent(run.Event{Type: kind, Job: job, Run: id, Due: w.due, NotBefore: w.due, Cluster: "east", Attempt: 1, Fence: 1, At: w.due, By: "w1"})
	require.NoError(w.t, err)
	w.put(cl, w.names.Events(), topic.Partition(job, 2), job, value)
}

func (w *world) wrote(cluster string, id run.ID, seq int, data string) {
	w.t.Helper()
	value, err := topic.EncodeOutput(run.Output{Run: id, Attempt: 1, Fence: 1, Seq: seq, At: w.due, Stream: "stdout", Data: []byte(data)})
	require.NoError(w.t, err)
	w.put(w.client, w.names.Output(cluster), 0, string(id), value)
}

func (w *world) put(cl *kgo.Client, name string, partition int32, key string, value []byte) {
	w.t.Helper()
	require.NoError(w.t, cl.ProduceSync(w.t.Context(), &kgo.Record{Topic: name, Partition: partition, Key: []byte(key), Value: value}).FirstErr())
}

// TestListenersHearWhatIsFolded says that a listener hears of a change, and that
// history holds it by then.
func TestListenersHearWhatIsFolded(t *testing.T) {
	w := newWorld(t)
	w.event(w.client, "a", "a1", run.EventEnqueued)
	s := w.server()
	all, ofA := w.ready(s, tail.Filter{}), s.Listen(tail.Filter{Job: "a"}, "")
	w.event(w.client, "b", "b1", run.EventEnqueued)
	e := w.next(all)
	require.Equal(t, run.ID("b1"), e.Change.Row.ID)
	require.Equal(t, run.StateQueued, e.Change.Row.State)
	require.NotEmpty(t, e.ID)
	page, err := s.history.Runs(t.Context(), history.RunFilter{})
	require.NoError(t, err)
	require.Len(t, page.Runs, 2)

	w.event(w.client, "a", "a1", run.EventStarting)
	require.Equal(t, run.StateStarted, w.next(all).Change.Row.State)
	require.Equal(t, run.ID("a1"), w.next(ofA).Change.Run)
	p := s.Progress()
	require.True(t, p.Ready)
	require.Equal(t, p.Total, p.Done)
	require.EqualValues(t, 1, p.Total)
	require.Empty(t, p.Trouble)

	all.Close()
	_, ok := <-all.C()
	require.False(t, ok)
	require.False(t, all.Behind())
}

// TestResumedOnAnotherServer takes the ID of one server's event to another.
func TestResumedOnAnotherServer(t *testing.T) {
	w := newWorld(t)
	one, other := w.server(), w.server()
	here, there := w.ready(one, tail.Filter{}), w.ready(other, tail.Filter{})
	var id string
	for i := range 6 {
		w.event(w.client, fmt.Sprint("job-", i%3), run.ID(fmt.Sprint("run-", i)), run.EventEnqueued)
		e := w.next(here)
		if i == 2 {
			id = e.ID
		}
		for e := w.next(there); e.Change.Run != run.ID(fmt.Sprint("run-", i)); e = w.next(there) {
			continue // the other server may hear of one more often
		}
	}
	resumed := other.Listen(tail.Filter{}, id)
	require.False(t, resumed.Anew())
	for i := range 3 {
		e := w.next(resumed)
		require.Equal(t, run.ID(fmt.Sprint("run-", i+3)), e.Change.Run)
		require.Equal(t, i == 2, e.ID != "", "the last one tells where to resume from")
	}
	require.True(t, other.Listen(tail.Filter{}, "nonsense").Anew())
	require.True(t, w.server().Listen(tail.Filter{}, id).Anew(), "one that has only begun")
}

// TestTheSlowAreCutOff lets one listener read nothing, and another all.
func TestTheSlowAreCutOff(t *testing.T) {
	w := newWorld(t)
	s := w.server()
	slow, quick := w.ready(s, tail.Filter{Kinds: []history.Kind{history.KindRun}}), s.Listen(tail.Filter{}, "")
	const n = 400
	for i := range n {
		w.event(w.client, "a", run.ID(fmt.Sprint("run-", i)), run.EventEnqueued)
		require.Equal(t, run.ID(fmt.Sprint("run-", i)), w.next(quick).Change.Run)
	}
	var last string
	heard := 0
	for e := range w.events(slow) {
		heard++
		if e.ID != "" {
			last = e.ID
		}
	}
	require.True(t, slow.Behind())
	require.Less(t, heard, n)
	again := s.Listen(tail.Filter{}, last)
	require.False(t, again.Anew())
	require.Equal(t, run.ID(fmt.Sprint("run-", heard)), w.next(again).Change.Run)
}

// TestLiveOutput says that output comes whole and in order: what there was, and
// what comes, also of a cluster that is new.
func TestLiveOutput(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.wrote("east", "run-1", i, fmt.Sprint("line ", i))
	}
	s := w.server()
	w.ready(s, tail.Filter{})
	early, err := s.Live(t.Context(), "run-1")
	require.NoError(t, err)
	for i := range 5 {
		if i >= 3 {
			w.wrote("east", "run-1", i, fmt.Sprint("line ", i))
		}
		require.Equal(t, fmt.Sprint("line ", i), w.chunk(early))
	}
	w.cluster("west")
	west, err := s.Live(t.Context(), "run-2")
	require.NoError(t, err)
	w.wrote("west", "run-2", 0, "far")
	require.Equal(t, "far", w.chunk(west))
	west.Close()
	_, ok := <-west.C()
	require.False(t, ok)
}

func (w *world) chunk(l *tail.Live) string {
	w.t.Helper()
	select {
	case o, ok := <-l.C():
		require.True(w.t, ok)
		return string(o.Data)
	case <-time.After(patience):
		require.Fail(w.t, "no chunk came")
		return ""
	}
}

// TestOnlyWhatIsCommitted says that nothing of an aborted transaction is folded,
// and that the ends of transactions leave nothing to be read.
func TestOnlyWhatIsCommitted(t *testing.T) {
	w := newWorld(t)
	s := w.server()
	l := w.ready(s, tail.Filter{})
	cl, err := w.kafka.Client(kgo.TransactionalID("test"))
	require.NoError(t, err)
	defer cl.Close()
	for i, commit := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
		require.NoError(t, cl.BeginTransaction())
		w.event(cl, "a", run.ID(fmt.Sprint("run-", i)), run.EventEnqueued)
		require.NoError(t, cl.EndTransaction(t.Context(), commit))
	}
	require.Equal(t, run.ID("run-1"), w.next(l).Change.Run)
	// Three records and three markers.
	require.Eventually(t, func() bool {
		offsets, err := s.history.Offsets(t.Context())
		require.NoError(t, err)
		return offsets[w.names.Events()][topic.Partition("a", 2)] == 6 && s.Progress().Behind == 0
	}, patience, time.Millisecond)
}

// TestAThousandListeners measures what they take: an upper bound, with all their
// queues filled.
func TestAThousandListeners(t *testing.T) {
	w := newWorld(t)
	s := w.server()
	watched := w.ready(s, tail.Filter{})
	before := heap()
	var listeners []*tail.Listener
	var lives []*tail.Live
	for i := range 1000 {
		listeners = append(listeners, s.Listen(tail.Filter{Cluster: "east"}, ""))
		l, err := s.Live(t.Context(), run.ID(fmt.Sprint("run-", i)))
		require.NoError(t, err)
		lives = append(lives, l)
	}
	for i := range 200 {
		w.event(w.client, "a", run.ID(fmt.Sprint("run-", i)), run.EventEnqueued)
		w.next(watched)
	}
	took := heap() - before
	t.Logf("a thousand listeners, and as many readers of live output, take %d KiB", took>>10)
	require.Less(t, took, int64(200<<20))
	runtime.KeepAlive(listeners)
	runtime.KeepAlive(lives)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestBuiltAnewWhileItRuns damages the file under a running server: it is built
// again from the log, and listeners begin anew.
func TestBuiltAnewWhileItRuns(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.event(w.client, "a", run.ID(fmt.Sprint("run-", i)), run.EventEnqueued)
	}
	s := w.server()
	l := w.ready(s, tail.Filter{})
	connector, err := sqlite.NewConnector(s.path + "?_pragma=busy_timeout(10000)") // the server writes, too
	require.NoError(t, err)
	other := sql.OpenDB(connector)
	_, err = other.ExecContext(t.Context(), "UPDATE runs SET body = x'07'")
	require.NoError(t, err)
	require.NoError(t, other.Close())
	_, err = s.history.Runs(t.Context(), history.RunFilter{})
	require.Error(t, err)
	w.event(w.client, "a", "run-5", run.EventEnqueued)
	for e := range w.events(l) {
		if e.Anew {
			break
		}
	}
	page, err := s.history.Runs(t.Context(), history.RunFilter{})
	require.NoError(t, err)
	require.Len(t, page.Runs, 6)
	p := s.Progress()
	require.True(t, p.Ready)
	require.Equal(t, p.Total, p.Done)
}

package notice

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// world is a Kafka with the topics of notices, and the servers of it.
type world struct {
	t     *testing.T
	kafka kafka.Options
	names topic.Names
	cl    *kgo.Client
	n     int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := &world{t: t, kafka: kafka.Options{Brokers: c.ListenAddrs()}, names: topic.Names{Prefix: "x."}}
	w.cl, err = w.kafka.Client()
	require.NoError(t, err)
	t.Cleanup(w.cl.Close)
	adm := kadm.NewClient(w.cl)
	for name, partitions := range map[string]int32{w.names.Notices(): 2, w.names.Dead(): 1} {
		_, err := adm.CreateTopic(t.Context(), partitions, 1, nil, name)
		require.NoError(t, err)
	}
	return w
}

// serve runs a server until stop is called.
func (w *world) serve(s Settings, p pace) (stop func()) {
	w.n++
	service := newService(Options{Name: fmt.Sprint("server-", w.n), Kafka: w.kafka, Names: w.names, Settings: s}, p)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) write(n run.Notice) {
	value, err := topic.EncodeNotice(n)
	require.NoError(w.t, err)
	require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), &kgo.Record{
		Topic: w.names.Notices(), Partition: topic.Partition(n.Job, 2), Key: []byte(n.Job), Value: value,
	}).FirstErr())
}

// records returns what a topic holds once it holds n of those that fit.
func (w *world) records(name string, n int, fits func(value []byte) bool) [][]byte {
	var found [][]byte
	require.Eventually(w.t, func() bool {
		found = nil
		require.NoError(w.t, kafka.ReadAll(w.t.Context(), w.kafka, name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			if fits(r.Value) {
				found = append(found, r.Value)
			}
			return nil
		}))
		return len(found) >= n
	}, 30*time.Second, 50*time.Millisecond, "%s has %d", name, len(found))
	return found
}

func outcome(t run.NoticeType) func([]byte) bool {
	return func(value []byte) bool {
		n, err := topic.DecodeNotice(value)
		return err == nil && n.Type == t
	}
}

// TestServersDeliver: each notice to each of its targets, whether others can be
// reached or not; what became of it is in the log.
func TestServersDeliver(t *testing.T) {
	w := newWorld(t)
	well, ill := newStand(t, status(200)), newStand(t, status(500))
	p := quick()
	p.giveUp = 200 * time.Millisecond
	w.serve(here(well.target(t, "hook", KindWebhook), ill.target(t, "chat", KindSlack)), p)
	w.write(failing("n1"))
	delivered := w.records(w.names.Notices(), 1, outcome(run.NoticeDelivered))
	n, err := topic.DecodeNotice(delivered[0])
	require.NoError(t, err)
	require.Equal(t, "n1", n.ID)
	require.Equal(t, "hook", n.Target)
	require.Equal(t, 1, n.Attempts)
	require.Equal(t, "server-1", n.By)

	why := map[string]string{}
	for _, value := range w.records(w.names.Notices(), 2, outcome(run.NoticeGivenUp)) {
		n, err := topic.DecodeNotice(value)
		require.NoError(t, err)
		why[n.Target] = n.Error
	}
	require.Equal(t, map[string]string{
		"chat": "answered 500 Internal Server Error", "pager": errNoTarget.Error(),
	}, why)
	letters := w.records(w.names.Dead(), 2, func([]byte) bool { return true })
	d, err := topic.DecodeDeadLetter(letters[0])
	require.NoError(t, err)
	require.Contains(t, d.Reason, "notice not delivered to ")
	require.Equal(t, w.names.Notices(), d.Topic)
	require.Len(t, well.all(), 1)
}

// TestTheNextServerGoesByTheLog: what one delivered, another does not deliver
// again; what was on its way, it does, under the same ID.
func TestTheNextServerGoesByTheLog(t *testing.T) {
	w := newWorld(t)
	hook := newStand(t, status(200))
	held := make(chan struct{})
	chat := newStand(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case held <- struct{}{}:
		case <-r.Context().Done():
		}
		<-r.Context().Done()
	}, status(200))
	s := here(hook.target(t, "hook", KindWebhook), chat.target(t, "chat", KindSlack))
	n := failing("n1")
	n.To = []string{"hook", "chat"}
	stop := w.serve(s, quick())
	w.write(n)
	w.records(w.names.Notices(), 1, outcome(run.NoticeDelivered))
	<-held // the chat has it, and has said nothing
	stop()
	w.serve(s, quick())
	w.records(w.names.Notices(), 2, outcome(run.NoticeDelivered))
	require.Len(t, hook.all(), 1, "delivered once")
	require.Len(t, chat.all(), 2, "asked again")
	require.Equal(t, chat.all()[0].body, chat.all()[1].body)
}

// TestServersShare: of two, each notice goes through one.
func TestServersShare(t *testing.T) {
	w := newWorld(t)
	hook := newStand(t, status(200))
	s := here(hook.target(t, "hook", KindWebhook))
	w.serve(s, quick())
	w.serve(s, quick())
	const notices = 40
	for i := range notices {
		n := failing(fmt.Sprint("n", i))
		n.Job, n.To = fmt.Sprint("job-", i), []string{"hook"}
		w.write(n)
	}
	seen := map[string]int{}
	for _, value := range w.records(w.names.Notices(), notices, outcome(run.NoticeDelivered)) {
		n, err := topic.DecodeNotice(value)
		require.NoError(t, err)
		seen[n.ID]++
	}
	require.Len(t, seen, notices)
}

// TestUnreadableNoticesHoldNothingUp: they are counted and passed over.
func TestUnreadableNoticesHoldNothingUp(t *testing.T) {
	w := newWorld(t)
	hook := newStand(t, status(200))
	for _, value := range []string{"", "{", `{"v":99,"type":"notice","id":"a","job":"b"}`, `{"type":"notice","id":"a","job":"another"}`} {
		require.NoError(t, w.cl.ProduceSync(t.Context(), &kgo.Record{
			Topic: w.names.Notices(), Partition: topic.Partition("reports/nightly", 2), Key: []byte("reports/nightly"), Value: []byte(value),
		}).FirstErr())
	}
	n := failing("n1")
	n.To = []string{"hook"}
	w.write(n)
	w.serve(here(hook.target(t, "hook", KindWebhook)), quick())
	w.records(w.names.Notices(), 1, outcome(run.NoticeDelivered))
}

// TestATargetIsTested: at once, and with its own words if it refuses.
func TestATargetIsTested(t *testing.T) {
	well, ill := newStand(t, status(200)), newStand(t, status(403))
	s := newService(Options{
		Name: "server-1", Settings: here(well.target(t, "hook", KindWebhook), ill.target(t, "chat", KindSlack)),
	}, quick())
	require.NoError(t, s.Test(t.Context(), "hook"))
	require.Contains(t, well.all()[0].body, "this is a test: notices come through")
	require.EqualError(t, s.Test(t.Context(), "chat"), "target chat: answered 403 Forbidden")
	require.EqualError(t, s.Test(t.Context(), "mail"), `there is no target "mail"; there are chat, hook`)
}

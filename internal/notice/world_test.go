package notice

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// stand is a stand-in for a target: it answers as it is told to, and keeps what
// it got.
type stand struct {
	*httptest.Server
	mu      sync.Mutex
	answers []http.HandlerFunc
	got     []received
	news    chan struct{}
}

type received struct {
	header http.Header
	body   string
	at     time.Time
}

// newStand answers each request with the next of the answers, and with the last
// from then on.
func newStand(t *testing.T, answers ...http.HandlerFunc) *stand {
	t.Helper()
	s := &stand{answers: answers, news: make(chan struct{}, 1000)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	body := make([]byte, r.ContentLength)
	_, _ = io.ReadFull(r.Body, body)
	s.got = append(s.got, received{r.Header.Clone(), string(body), time.Now()})
	s.mu.Unlock()
	answer(w, r)
	s.news <- struct{}{}
}

// wait returns what came, once there are so many.
func (s *stand) wait(t *testing.T, n int) []received {
	t.Helper()
	for range n {
		select {
		case <-s.news:
		case <-time.After(20 * time.Second):
			require.Failf(t, "the target was not told", "%d times, of %d", len(s.all()), n)
		}
	}
	return s.all()
}

func (s *stand) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.got...)
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if len(header) == 2 {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(code)
	}
}

// silence answers nothing for as long as the other end listens.
func silence(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func (s *stand) target(t *testing.T, name string, kind Kind) Target {
	t.Helper()
	address, err := url.Parse(s.URL)
	require.NoError(t, err)
	return Target{Name: name, Kind: kind, URL: address, Secret: []byte("0123456789abcdef0123456789abcdef")}
}

// here lets this host be reached.
func here(targets ...Target) Settings {
	s := Settings{Targets: map[string]Target{}, Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	for _, t := range targets {
		s.Targets[t.Name] = t
	}
	return s
}

func quick() pace {
	return pace{
		group: 20 * time.Millisecond, apart: time.Millisecond, first: 10 * time.Millisecond, most: 50 * time.Millisecond,
		giveUp: 10 * time.Second, answer: 5 * time.Second,
	}
}

// box is a running outbox to the stand, with what was settled.
func box(t *testing.T, target Target, p pace) (*outbox, chan error) {
	t.Helper()
	o := &outbox{
		target: target, prefix: "belfry.", sender: newSender(here(), p.answer), pace: p,
		metrics: newMetrics(prometheus.NewRegistry()), news: make(chan struct{}, 1),
	}
	done := make(chan struct{})
	ctx := t.Context()
	go func() {
		defer close(done)
		o.run(ctx)
	}()
	t.Cleanup(func() { <-done })
	return o, make(chan error, 1000)
}

func told(id string, settled chan error) *item {
	return &item{notice: failing(id), came: time.Now(), settled: func(_ int, err error) { settled <- err }}
}

func failing(id string) run.Notice {
	due := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	return run.Notice{
		Type: run.NoticeTold, ID: id, Job: "reports/nightly", Cluster: "cluster-a", At: due.Add(time.Minute), By: "s1",
		When: job.WhenFailing, Incident: "incident-" + id, To: []string{"chat", "hook", "pager"},
		Run: "66a0ad2f-e4e6-596f-8a9e-359e1de7bf00", Due: due, State: run.StateDead, Reason: run.ReasonAttemptsUsed, Count: 1,
		Outcome: &run.Outcome{State: run.StateFailed, ExitCode: 2, Tail: "make: <b> *** ```Error 2```\n"},
	}
}

func next(t *testing.T, settled chan error) error {
	t.Helper()
	select {
	case err := <-settled:
		return err
	case <-time.After(20 * time.Second):
		require.Fail(t, "nothing was settled")
		return nil
	}
}

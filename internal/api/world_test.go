package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/api"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/tail"
	"github.com/belfry-cron/belfry/internal/topic"
)

// world is the API over a broker of the test's own, without a gate: a request
// says in a header who asks.
type world struct {
	t      *testing.T
	topics *query.Topics
	server *httptest.Server
	api    *api.Handler
}

// whoHeader carries a principal as JSON.
const whoHeader = "Test-Who"

func newWorld(t *testing.T) *world {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, topics: &query.Topics{
		Kafka: kafka.Options{Brokers: broker.ListenAddrs()},
		Names: topic.Names{Prefix: topic.DefaultPrefix}, Shards: 4,
	}}
	w.topics.Client, err = w.topics.Kafka.Client()
	require.NoError(t, err)
	t.Cleanup(w.topics.Client.Close)
	admin := kafka.NewAdmin(w.topics.Client, w.topics.Names)
	_, err = admin.EnsureTopics(t.Context(), []string{"cluster-a", "cluster-b"}, w.topics.Shards, kafka.EnsureOptions{})
	require.NoError(t, err)
	db, err := history.Open(t.Context(), history.Options{Path: filepath.Join(t.TempDir(), "history.db"), Names: w.topics.Names, Shards: w.topics.Shards, Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	follower := tail.New(tail.Options{Kafka: w.topics.Kafka, Names: w.topics.Names, History: db, Log: log})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { _ = follower.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	w.api, err = api.New(api.Options{
		History: db, Tail: follower, Topics: w.topics, Admin: admin, Version: "test", Log: log,
		Steer: steer.New(steer.Options{Topics: w.topics, Ensure: func(ctx context.Context, clusters []string) error {
			_, err := admin.EnsureTopics(ctx, clusters, 0, kafka.EnsureOptions{})
			return err
		}}),
	})
	require.NoError(t, err)
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var who access.Principal
		if err := json.Unmarshal([]byte(r.Header.Get(whoHeader)), &who); err == nil {
			r = r.WithContext(access.With(r.Context(), who))
		}
		w.api.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	return w
}

func as(role access.Role) access.Principal {
	return access.Principal{Name: "the " + string(role), Role: role, Via: access.API}
}

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with headers "Name: value".
func (w *world) ask(who access.Principal, method, path, body string, headers ...string) answer {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, w.server.URL+path, strings.NewReader(body))
	require.NoError(w.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	encoded, err := json.Marshal(who)
	require.NoError(w.t, err)
	r.Header.Set(whoHeader, string(encoded))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	got, err := w.server.Client().Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, got.Body.Close()) }()
	if got.Header.Get("Content-Type") == "text/event-stream" {
		return answer{got.StatusCode, got.Header, ""}
	}
	content, err := io.ReadAll(got.Body)
	require.NoError(w.t, err)
	return answer{got.StatusCode, got.Header, string(content)}
}

// problem is a problem document, which the answer has to be.
func (w *world) problem(a answer, status int) (detail string, fields []string) {
	w.t.Helper()
	require.Equal(w.t, status, a.status, a.body)
	require.Equal(w.t, "application/problem+json", a.header.Get("Content-Type"), a.body)
	var p struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	require.NoError(w.t, json.Unmarshal([]byte(a.body), &p), a.body)
	require.Equal(w.t, status, p.Status)
	require.NotEmpty(w.t, p.Title)
	for _, e := range p.Errors {
		require.NotEmpty(w.t, e.Message)
		fields = append(fields, e.Location)
	}
	return p.Detail, fields
}

package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// freeAddr is an address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// askReady returns the status of /readyz and what it says.
func askReady(t *testing.T, addr string) (status int, answer ready.Answer) {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/readyz")
	if err != nil {
		return 0, answer
	}
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	require.Equal(t, answer.Ready, resp.StatusCode == http.StatusOK)
	require.Equal(t, answer.Ready, len(answer.Reasons) == 0)
	return resp.StatusCode, answer
}

// awaitReady waits until /readyz answers with the status, and returns why.
func awaitReady(t *testing.T, addr string, want int) []ready.Reason {
	t.Helper()
	var last ready.Answer
	require.Eventually(t, func() bool {
		status, answer := askReady(t, addr)
		last = answer
		return status == want
	}, patience, 50*time.Millisecond, "%s", addr)
	return last.Reasons
}

func requireHealthy(t *testing.T, addr string) {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/healthz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// diskBroker is a broker that can be killed and comes back with what it had.
type diskBroker struct {
	*kfake.Cluster
	dir, addr string
}

func (b *diskBroker) start(t *testing.T) {
	t.Helper()
	var err error
	b.Cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(), kfake.DataDir(b.dir),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, b.addr) }))
	require.NoError(t, err)
}

// TestReadyzFollowsTheState: a scheduler and a worker are not ready while
// Kafka is awaited, ready once they work, not ready while it is dead, with the
// reason, and ready again when it is back. They live all the time.
func TestReadyzFollowsTheState(t *testing.T) {
	broker := &diskBroker{dir: t.TempDir(), addr: freeAddr(t)}
	node := func(name string) Node {
		return Node{
			Name: name, Kafka: kafka.Options{Brokers: []string{broker.addr}}, Wait: patience,
			Names: topic.Names{Prefix: topic.DefaultPrefix}, CreateTopics: true, Shards: 2,
			MetricsAddr: freeAddr(t), Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		}
	}
	scheduler, worker := node("s"), node("w")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() {
		ended <- Scheduler(ctx, SchedulerOptions{Node: scheduler, Clusters: []string{"cluster-a"}, Lead: 5 * time.Second})
	}()
	go func() {
		ended <- Worker(ctx, WorkerOptions{
			Node: worker, Cluster: "cluster-a", Queues: []run.Queue{run.QueueRuns, run.QueueRetries}, Slots: 1, RetrySlots: 1,
		})
	}()
	both := []Node{scheduler, worker}
	for _, n := range both {
		reasons := awaitReady(t, n.MetricsAddr, http.StatusServiceUnavailable)
		require.Equal(t, ready.Starting, reasons[0].Code)
		require.Equal(t, n.Name, reasons[0].Of)
		require.WithinDuration(t, time.Now(), reasons[0].Since, patience)
		requireHealthy(t, n.MetricsAddr)
	}

	broker.start(t)
	for _, n := range both {
		require.Empty(t, awaitReady(t, n.MetricsAddr, http.StatusOK))
	}
	broker.Close()
	killed := time.Now()
	for _, n := range both {
		reasons := awaitReady(t, n.MetricsAddr, http.StatusServiceUnavailable)
		require.Equal(t, ready.KafkaSilent, reasons[0].Code)
		require.Contains(t, reasons[0].Detail, "no beat for")
		require.WithinDuration(t, killed, reasons[0].Since, ready.Patience)
		requireHealthy(t, n.MetricsAddr)
	}
	require.Less(t, time.Since(killed), 3*ready.Patience)

	broker.start(t)
	for _, n := range both {
		require.Empty(t, awaitReady(t, n.MetricsAddr, http.StatusOK))
	}
	stop()
	for range both {
		require.NoError(t, <-ended)
	}
	broker.Close()
}

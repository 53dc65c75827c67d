package conformance

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/test/site"
)

// kills is how often up is killed; fewer with -short.
func kills() int {
	if testing.Short() {
		return 5
	}
	return 50
}

// TestUpKilledAtRandomPointsLosesAndDoublesNothing kills the whole of Belfry
// with its broker again and again, at random points of its life.
func TestUpKilledAtRandomPointsLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	listen := freeAddress(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	w := &world{
		t: t, bin: os.Getenv(site.BinaryVariable), brokers: []string{listen}, dir: dir, names: topic.Names{Prefix: "belfry."},
		kafka: kafka.Options{Brokers: []string{listen}, SASL: kafka.SASL{
			Mechanism: "SCRAM-SHA-256", User: "belfry", PasswordFile: filepath.Join(data, "secret"),
		}},
	}
	jobs := filepath.Join(w.dir, "jobs.yaml")
	require.NoError(t, os.WriteFile(jobs, []byte(w.ticking(3, "on_lost: retry")), 0o600))
	args := []string{"up", "--jobs", jobs, "--dir", data, "--listen", listen}
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	from := time.Now()
	for i := range kills() {
		up := w.start(fmt.Sprintf("up-%d", i), args...)
		w.until(time.Now().Add(time.Duration(random.Int64N(int64(2500 * time.Millisecond)))))
		up.kill()
	}
	up := w.start("up-last", args...)
	w.await("the broker to listen", func() bool {
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	w.await("the jobs to run again", func() bool {
		lines := w.journal()
		return len(lines) > 0 && time.Since(lines[len(lines)-1].at) < time.Second
	})
	w.until(time.Now().Add(3 * time.Second))
	first := w.journal()[0].due
	w.requireTicks(3, latest(from, first), time.Now().Add(-2*time.Second))
	up.leave()
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// freeAddress is one nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

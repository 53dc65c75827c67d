package alerts

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/topic"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
	"github.com/belfry-cron/belfry/test/observe"
	"github.com/belfry-cron/belfry/test/pagerduty"
	"github.com/belfry-cron/belfry/test/site"
)

const root = "../.."

// patience is how long what must come may take on a busy machine, beyond what
// the alert promises.
const patience = 2 * time.Minute

const jobs = `jobs:
  - {name: tick, cluster: cluster-a, schedule: "@every 1s", command: ["true"]}
  - {name: tock, cluster: cluster-b, schedule: "@every 1s", command: ["true"]}
  - {name: long, cluster: cluster-a, schedule: "@every 2h", overlap: allow, command: ["sleep", "7200"]}
  - {name: filler, cluster: cluster-b, schedule: "@every 2h", overlap: allow, command: ["sleep", "7200"]}
`

// world is all that runs.
type world struct {
	t       *testing.T
	site    *site.Site
	kafka   *kafkatest.Cluster
	names   topic.Names
	desk    *pagerduty.Server
	stack   *observe.Stack
	jobs    string
	members map[string]*site.Process
	shows   map[string]string // where each member shows its metrics
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Getenv("BELFRY_TEST_ALERTS") == "" {
		t.Skip("SKIPPED: make test-alerts causes real faults, which takes half an hour")
	}
	brokers := 3
	if n, err := strconv.Atoi(os.Getenv("BELFRY_ALERTS_BROKERS")); err == nil {
		brokers = n
	}
	dir := t.TempDir()
	w := &world{
		t: t, names: topic.Names{Prefix: "belfry."}, desk: &pagerduty.Server{Keys: []string{observe.Key, observe.KeyB}},
		kafka: kafkatest.Run(t, kafkatest.Options{Brokers: brokers, Watched: true}),
		jobs:  filepath.Join(dir, "jobs.yaml"), members: map[string]*site.Process{}, shows: map[string]string{},
	}
	bin, err := site.Binary(t.Context(), dir)
	require.NoError(t, err)
	w.site = &site.Site{Bin: bin, Dir: dir, Env: append(os.Environ(),
		"BELFRY_LOG_FORMAT=text", "BELFRY_BROKERS="+strings.Join(w.kafka.Brokers(), ","), "TMPDIR="+dir)}
	t.Cleanup(w.site.Stop)
	w.writeJobs(jobs)
	for _, name := range []string{"s-1", "s-2"} {
		w.start(name)
	}
	for _, name := range []string{"a-1", "a-2", "b-1"} {
		w.start(name)
	}
	desk := httptest.NewServer(w.desk)
	t.Cleanup(desk.Close)
	addrs, err := observe.Free(2)
	require.NoError(t, err)
	exporters, _ := w.kafka.Exporters()
	w.stack, err = observe.Start(t.Context(), observe.Options{
		Root: root, Dir: dir, Prometheus: addrs[0], Alertmanager: addrs[1], PagerDuty: strings.TrimPrefix(desk.URL, "http://"),
		Targets: map[string][]string{
			"kafka": exporters, "belfry-scheduler": {w.shows["s-1"], w.shows["s-2"]},
			"belfry-worker": {w.shows["a-1"], w.shows["a-2"], w.shows["b-1"]},
		},
	})
	if errors.Is(err, observe.ErrNotInstalled) {
		t.Skip("SKIPPED: ", err)
	}
	require.NoError(t, err)
	t.Cleanup(w.stack.Stop)
	return w
}

func (w *world) writeJobs(text string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.jobs+".new", []byte(text), 0o600))
	require.NoError(w.t, os.Rename(w.jobs+".new", w.jobs))
}

// start starts a member where it showed its metrics before.
func (w *world) start(name string) {
	w.t.Helper()
	if w.shows[name] == "" {
		addrs, err := observe.Free(1)
		require.NoError(w.t, err)
		w.shows[name] = addrs[0]
	}
	args := []string{"worker", "--cluster", "cluster-" + name[:1], "--slots", "4", "--metrics-addr", w.shows[name], "--quiet"}
	if strings.HasPrefix(name, "s-") {
		args = []string{"scheduler", "--jobs", w.jobs, "--metrics-addr", w.shows[name], "--quiet"}
	}
	p, err := w.site.Start(name, args...)
	require.NoError(w.t, err)
	w.members[name] = p
}

func (w *world) kill(names ...string) {
	for _, name := range names {
		w.members[name].Kill()
	}
}

// await waits until Prometheus answers a query with something.
func (w *world) await(what, expr string) {
	w.t.Helper()
	w.until(what, patience, func() bool {
		found, err := w.stack.Query(w.t.Context(), expr)
		return err == nil && len(found) > 0
	})
}

func (w *world) until(what string, limit time.Duration, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(limit); !done(); {
		require.True(w.t, time.Now().Before(deadline), "%s: not within %s; incidents: %s", what, limit, w.open())
		select {
		case <-w.t.Context().Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// incident returns the latest of an alert.
func (w *world) incident(alert string) (pagerduty.Incident, bool) {
	all := w.desk.Incidents()
	for _, i := range slices.Backward(all) {
		if i.Latest.Payload.Class == alert {
			return i, true
		}
	}
	return pagerduty.Incident{}, false
}

// open names the incidents that are open.
func (w *world) open() string {
	var all []string
	for _, i := range w.desk.Incidents() {
		if i.Status != pagerduty.Resolved {
			all = append(all, i.Latest.Payload.Summary)
		}
	}
	return strings.Join(all, "; ")
}

// produce writes a record as somebody who is not Belfry.
func (w *world) produce(topic string, partition int32, key, value string) {
	w.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(w.t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: []byte(value)}
	require.NoError(w.t, cl.ProduceSync(ctx, r).FirstErr())
}

// keeper is the process ID of a worker's keeper: of the worker's children, the
// one of that word.
func (w *world) keeper(worker string) int {
	w.t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(w.t, err)
	names := w.site.Names()
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(line), "keeper\x00") {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		if err != nil {
			continue // it has ended meanwhile
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		parent, err := strconv.Atoi(strings.Fields(rest)[1])
		require.NoError(w.t, err)
		if names[parent] == worker {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			require.NoError(w.t, err)
			return pid
		}
	}
	require.Fail(w.t, fmt.Sprintf("worker %s has no keeper", worker))
	return 0
}

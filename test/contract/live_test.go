package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/metric"
	"github.com/belfry-cron/belfry/test/site"
)

const (
	// mostSeries and mostScrape are what a worker may cost whoever watches it.
	mostSeries = 400
	mostScrape = 10 * time.Millisecond
)

const jobs = `jobs:
  - name: tick
    cluster: cluster-a
    schedule: "@every 1s"
    command: ["true"]
`

// TestProcessesShowWhatThePageSays: a running process shows each metric of the
// page with its type and labels, and none of Belfry's besides.
func TestProcessesShowWhatThePageSays(t *testing.T) {
	dir := t.TempDir()
	bin, err := site.Binary(t.Context(), dir)
	require.NoError(t, err)
	s := &site.Site{Bin: bin, Dir: dir, Env: append(os.Environ(), "BELFRY_LOG_FORMAT=json", "TMPDIR="+dir, "XDG_CONFIG_HOME="+dir)}
	t.Cleanup(s.Stop)
	file := filepath.Join(dir, "jobs.yaml")
	require.NoError(t, os.WriteFile(file, []byte(jobs), 0o600))
	listen, metrics, worker := freeAddress(t), freeAddress(t), freeAddress(t)
	_, err = s.Up("--listen", listen, "--dir", filepath.Join(dir, "data"), "--jobs", file, "--metrics-addr", metrics)
	require.NoError(t, err)
	known, err := described()
	require.NoError(t, err)

	shown := await(t, metrics, func(shown map[string]*dto.MetricFamily) bool {
		return len(missing(known, shown)) == 0 && started(shown) > 2
	}, func(shown map[string]*dto.MetricFamily) string { return fmt.Sprint("missing ", missing(known, shown)) })
	for name, f := range shown {
		if !strings.HasPrefix(name, "belfry_") {
			continue
		}
		d, ok := known[name]
		require.True(t, ok, "%s is shown and not described", name)
		require.Equal(t, string(d.Kind), strings.ToLower(f.GetType().String()), name)
		for _, m := range f.GetMetric() {
			requireLabels(t, d, m)
		}
		require.LessOrEqual(t, len(f.GetMetric()), max(1, d.Series())*len(clustersOfUp()), name)
	}

	_, err = s.Start("w-1", "worker", "--brokers", listen, "--cluster", "cluster-a", "--metrics-addr", worker)
	require.NoError(t, err)
	await(t, worker, func(shown map[string]*dto.MetricFamily) bool { return started(shown) > 0 },
		func(map[string]*dto.MetricFamily) string { return "no run started" })
	series, best := 0, time.Hour
	for range 20 {
		began := time.Now()
		families, _ := scrape(t.Context(), worker)
		best = min(best, time.Since(began))
		series = count(families)
	}
	t.Logf("figure: a worker shows %d series and answers in %s", series, best.Round(time.Microsecond))
	require.LessOrEqual(t, series, mostSeries)
	require.Less(t, best, mostScrape)
}

// clustersOfUp are those that up makes a worker for without being told.
func clustersOfUp() []string { return []string{"cluster-a", "cluster-b"} }

func requireLabels(t *testing.T, d metric.Desc, m *dto.Metric) {
	t.Helper()
	allowed := map[string]metric.Label{"cluster": metric.AtMost("cluster", 1)} // a worker's own
	for _, l := range d.Labels {
		allowed[l.Name] = l
	}
	for _, l := range m.GetLabel() {
		a, ok := allowed[l.GetName()]
		require.True(t, ok, "%s has an undescribed label %s", d.Name, l.GetName())
		if len(a.Values) > 0 {
			require.Contains(t, a.Values, l.GetValue(), "label %s of %s", l.GetName(), d.Name)
		}
	}
}

func missing(known map[string]metric.Desc, shown map[string]*dto.MetricFamily) []string {
	var names []string
	for name := range known {
		if shown[name] == nil {
			names = append(names, name)
		}
	}
	return names
}

// started is how many runs the workers of the process have started.
func started(shown map[string]*dto.MetricFamily) (n float64) {
	for _, m := range shown["belfry_worker_starts_total"].GetMetric() {
		n += m.GetCounter().GetValue()
	}
	return n
}

// count is how many series a scrape has, those of histograms among them.
func count(families map[string]*dto.MetricFamily) (n int) {
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				n += len(h.GetBucket()) + 2
				continue
			}
			n++
		}
	}
	return n
}

func await(t *testing.T, addr string, enough func(map[string]*dto.MetricFamily) bool, why func(map[string]*dto.MetricFamily) string) map[string]*dto.MetricFamily {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		shown, err := scrape(t.Context(), addr)
		if err == nil && enough(shown) {
			return shown
		}
		require.True(t, time.Now().Before(deadline), "%s: %v %v", addr, err, why(shown))
		select {
		case <-t.Context().Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func scrape(ctx context.Context, addr string) (map[string]*dto.MetricFamily, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := new(http.Client).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(response.Body)
}

// freeAddress is one nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

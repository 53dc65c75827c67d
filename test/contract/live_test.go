package main

import (
	"context"
	"fmt"
	"io"
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
	known, err := described()
	require.NoError(t, err)
	s, listen, metrics := upSite(t)
	worker := freeAddress(t)
	var shown map[string]*dto.MetricFamily
	await(t, metrics, &shown, nothingMissing(t))
	await(t, metrics, &shown, func(shown map[string]*dto.MetricFamily) string { return few(shown, 2) })
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
	await(t, worker, nil, func(shown map[string]*dto.MetricFamily) string { return few(shown, 1) })
	const scrapes = 100
	first, err := scrape(t.Context(), worker)
	require.NoError(t, err)
	last, best := first, time.Hour
	for range scrapes {
		began := time.Now()
		last, err = scrape(t.Context(), worker)
		require.NoError(t, err)
		best = min(best, time.Since(began))
	}
	cost := time.Duration((cpu(last) - cpu(first)) / scrapes * float64(time.Second))
	t.Logf("figure: a worker shows %d series, a scrape costs it %s of a processor, the fastest answer came after %s",
		count(last), cost.Round(time.Microsecond), best.Round(time.Microsecond))
	require.LessOrEqual(t, count(last), mostSeries)
	require.Less(t, cost, mostScrape) // how long it takes also depends on who else is busy
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

// nothingMissing says which metrics of the page are not shown.
func nothingMissing(t *testing.T) func(map[string]*dto.MetricFamily) string {
	t.Helper()
	known, err := described()
	require.NoError(t, err)
	return func(shown map[string]*dto.MetricFamily) string {
		var names []string
		for name := range known {
			if shown[name] == nil {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			return ""
		}
		return fmt.Sprintf("not shown: %v", names)
	}
}

// few says that fewer runs were started.
func few(shown map[string]*dto.MetricFamily, want float64) string {
	if n := started(shown); n < want {
		return fmt.Sprintf("%.0f runs were started", n)
	}
	return ""
}

// started is how many runs the workers of the process have started.
func started(shown map[string]*dto.MetricFamily) (n float64) {
	for _, m := range shown["belfry_worker_starts_total"].GetMetric() {
		n += m.GetCounter().GetValue()
	}
	return n
}

// cpu is how long the process has used a processor, in seconds.
func cpu(shown map[string]*dto.MetricFamily) float64 {
	return shown["process_cpu_seconds_total"].GetMetric()[0].GetCounter().GetValue()
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

// await scrapes until nothing is wrong, and gives what was shown.
func await(t *testing.T, addr string, into *map[string]*dto.MetricFamily, wrong func(map[string]*dto.MetricFamily) string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		shown, err := scrape(t.Context(), addr)
		why := wrong(shown)
		if err == nil && why == "" {
			if into != nil {
				*into = shown
			}
			return
		}
		require.True(t, time.Now().Before(deadline), "%s: %v %s", addr, err, why)
		select {
		case <-t.Context().Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// up starts belfry up with a job, and returns where it shows its metrics.
func up(t *testing.T) (metrics string) {
	t.Helper()
	_, _, metrics = upSite(t)
	return metrics
}

func upSite(t *testing.T) (s *site.Site, listen, metrics string) {
	t.Helper()
	dir := t.TempDir()
	bin, err := site.Binary(t.Context(), dir)
	require.NoError(t, err)
	s = &site.Site{Bin: bin, Dir: dir, Env: append(os.Environ(), "BELFRY_LOG_FORMAT=json", "TMPDIR="+dir, "XDG_CONFIG_HOME="+dir)}
	t.Cleanup(s.Stop)
	file := filepath.Join(dir, "jobs.yaml")
	require.NoError(t, os.WriteFile(file, []byte(jobs), 0o600))
	listen, metrics = freeAddress(t), freeAddress(t)
	_, err = s.Up("--listen", listen, "--dir", filepath.Join(dir, "data"), "--jobs", file, "--metrics-addr", metrics)
	require.NoError(t, err)
	return s, listen, metrics
}

// body is what a scrape answers.
func body(t *testing.T, addr string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	require.NoError(t, err)
	response, err := new(http.Client).Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
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

package metric_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/metric"
)

// TestCountersStartAtZero: each combination of known values is a series before
// anything happened; a label of unknown values makes none.
func TestCountersStartAtZero(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := metric.NewMaker(reg)
	m.Counters(metric.Errors, "belfry_a_total", "A.", metric.OneOf("what", "beat", "poll"), metric.OneOf("class", "x", "y", "z"))
	m.Counters(metric.Errors, "belfry_b_total", "B.", metric.AtMost("cluster", 100), metric.OneOf("class", "x"))
	m.Counter(metric.Traffic, "belfry_c_total", "C.")
	require.Equal(t, map[string]int{"belfry_a_total": 6, "belfry_c_total": 1}, series(t, reg))
}

// TestHistogramsHaveBothForms: the classic buckets and the native ones.
func TestHistogramsHaveBothForms(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := metric.NewMaker(reg)
	m.Histogram(metric.Latency, "belfry_a_seconds", "A.", []float64{0.1, 1}).Observe(0.5)
	families, err := reg.Gather()
	require.NoError(t, err)
	h := families[0].GetMetric()[0].GetHistogram()
	require.Len(t, h.GetBucket(), 2)
	require.NotEmpty(t, h.GetPositiveSpan())
}

// TestAskedGaugesShowKnownValues: those that the answer leaves out are zero.
func TestAskedGaugesShowKnownValues(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := metric.NewMaker(reg)
	m.GaugesFunc(metric.Fact, "belfry_a", "A.", metric.OneOf("code", "x", "y"), func() map[string]float64 {
		return map[string]float64{"x": 1}
	})
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, s := range families[0].GetMetric() {
		got[s.GetLabel()[0].GetValue()] = s.GetGauge().GetValue()
	}
	require.Equal(t, map[string]float64{"x": 1, "y": 0}, got)
}

// TestLabelsHaveBounds: a label that could take any value is refused.
func TestLabelsHaveBounds(t *testing.T) {
	m := metric.NewMaker(prometheus.NewRegistry())
	require.Panics(t, func() { m.Gauges(metric.Fact, "belfry_a", "A.", metric.Label{Name: "job"}) })
}

func TestUnit(t *testing.T) {
	for name, unit := range map[string]string{
		"belfry_a_seconds": "seconds", "belfry_a_bytes_total": "bytes", "belfry_a_timestamp_seconds": "seconds since 1970",
		"belfry_a_total": "1", "belfry_a_lag_records": "records",
	} {
		require.Equal(t, unit, metric.Desc{Name: name}.Unit(), name)
	}
}

func series(t *testing.T, reg *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	count := map[string]int{}
	for _, f := range families {
		count[f.GetName()] = len(f.GetMetric())
	}
	return count
}

// BenchmarkObserve: 300 ns are allowed for an observation.
func BenchmarkObserve(b *testing.B) {
	m := metric.NewMaker(prometheus.NewRegistry())
	b.Run("counter", func(b *testing.B) {
		c := m.Counters(metric.Errors, "belfry_a_total", "A.", metric.OneOf("what", "beat", "poll"), metric.OneOf("class", "x", "y", "z"))
		for b.Loop() {
			c.WithLabelValues("beat", "y").Inc()
		}
	})
	b.Run("histogram", func(b *testing.B) {
		h := m.Histogram(metric.Latency, "belfry_a_seconds", "A.", prometheus.ExponentialBuckets(0.001, 2, 14))
		at := 0.0
		for b.Loop() {
			at += 0.001
			h.Observe(at)
		}
	})
}

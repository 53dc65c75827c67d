package scheduler

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// TestRecordsMakeNoSeries: whatever names runs and events hold, the number of
// series has a bound.
func TestRecordsMakeNoSeries(t *testing.T) {
	reg := prometheus.NewRegistry()
	o := Options{Registry: reg}
	te := &tenure{loop: &loop{scheduler: &scheduler{o: o, metrics: newMetrics(reg)}}}
	for i := range 1000 {
		name := fmt.Sprint("made up ", i)
		te.tell(shard.Effects{
			Enqueue: []shard.Enqueue{{Run: run.Run{Cluster: name, Trigger: run.Trigger(name)}}},
			Events: []run.Event{
				{Type: run.EventSkipped, Reason: name},
				{Type: run.EventSkipped, Reason: "calendar:" + name},
				{Type: run.EventEnded, Cluster: name, State: run.State(name)},
			},
		})
	}
	families, err := reg.Gather()
	require.NoError(t, err)
	series := map[string]int{}
	for _, family := range families {
		series[family.GetName()] = len(family.GetMetric())
	}
	require.Equal(t, maxClusters*len(run.TriggerLabels())+1, series["belfry_scheduler_enqueued_total"])
	require.Equal(t, maxClusters*len(run.EndLabels())+1, series["belfry_scheduler_ended_total"])
	require.Equal(t, len(run.ReasonLabels()), series["belfry_scheduler_skipped_total"])
	require.Equal(t, "cluster-9", (&clusters{seen: map[string]bool{}}).label("cluster-9"))
}

// TestClustersStartAtZero: the first run of a cluster is counted in a series
// that was there before.
func TestClustersStartAtZero(t *testing.T) {
	m := newMetrics(prometheus.NewRegistry())
	require.Equal(t, "cluster-a", m.clusters.label("cluster-a"))
	counted, err := m.ended.GetMetricWithLabelValues("cluster-a", string(run.StateFailed))
	require.NoError(t, err)
	var shown dto.Metric
	require.NoError(t, counted.Write(&shown))
	require.Zero(t, shown.GetCounter().GetValue())
	require.Equal(t, len(run.EndLabels())-1, testutil.CollectAndCount(m.ended))
}

// TestLateStarts: the report of a start that no longer counted is told from
// that of an end.
func TestLateStarts(t *testing.T) {
	reg := prometheus.NewRegistry()
	te := &tenure{loop: &loop{scheduler: &scheduler{metrics: newMetrics(reg)}}}
	te.tell(shard.Effects{Events: []run.Event{
		{Type: run.EventLate, Reason: "starting by w-1"},
		{Type: run.EventLate, Reason: "finished by w-2"},
		{Type: run.EventLate, Reason: "finished by w-2"},
	}})
	require.InDelta(t, 1, testutil.ToFloat64(te.metrics.lateReports.WithLabelValues("starting")), 0)
	require.InDelta(t, 2, testutil.ToFloat64(te.metrics.lateReports.WithLabelValues("finished")), 0)
}

package scheduler

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
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
	require.Equal(t, maxClusters+1, series["belfry_scheduler_enqueued_total"])
	require.Equal(t, maxClusters+1, series["belfry_scheduler_ended_total"])
	require.Equal(t, 2, series["belfry_scheduler_skipped_total"])
	require.Equal(t, "cluster-9", (&clusters{seen: map[string]bool{}}).label("cluster-9"))
}

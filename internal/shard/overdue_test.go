package shard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
)

// TestOverdue: what has not started past its time counts for its cluster,
// wherever it is; what started, or is to start later, does not.
func TestOverdue(t *testing.T) {
	now := time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC)
	active := func(cluster string, state run.State, age time.Duration) Active {
		return Active{Cluster: cluster, State: state, NotBefore: now.Add(-age)}
	}
	s := New(Config{}, nil)
	s.busy["a"] = busyJob{&entry{name: "a", st: &JobState{Active: []Active{
		active("c-1", run.StateQueued, time.Second), active("c-1", run.StateClaimed, time.Minute),
		active("c-1", run.StateStarted, time.Hour), active("c-2", run.StateWaiting, time.Second),
		active("c-3", run.StateWaiting, -time.Second),
	}}}, 5}
	require.Equal(t, map[string]Overdue{
		"c-1": {Runs: 2, Oldest: now.Add(-time.Minute)}, "c-2": {Runs: 1, Oldest: now.Add(-time.Second)},
	}, s.Overdue(now))
}

package shard_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// A state may hold any instant that RFC 3339 can write. A run that waits until
// a year long past is handed out, and one that waits for a far year waits.
func TestARunMayWaitUntilAnyYear(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for year, waits := range map[int]bool{
		0: false, 2: false, 1200: false, 1500: false, 1677: false, 1678: false, 1969: false, 1970: false, 2025: false,
		2030: true, 2200: true, 2201: true, 2262: true, 2263: true, 2600: true, 9999: true,
	} {
		t.Run(fmt.Sprint(year), func(t *testing.T) {
			j := job.Default()
			j.Name, j.Cluster, j.Command = "a", "cluster-a", []string{"true"}
			j = j.WithDefaults()
			start := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
			s := shard.New(shard.Config{By: "s", Lead: 5 * time.Second}, []shard.JobState{{
				Job: "a", Version: j.Version(), Through: now, Active: []shard.Active{{
					ID: run.NewID("a", now, ""), Due: now.Add(-time.Minute), NotBefore: start, Trigger: run.TriggerManual,
					Attempt: 2, Fence: 1, State: run.StateWaiting, Cluster: "cluster-a",
				}},
			}})
			effects := s.Step([]shard.Input{shard.JobChanged{Name: "a", Job: &j, Replayed: true}, shard.JobsLoaded{}}, now)
			if waits {
				require.Empty(t, effects.Enqueue)
				return
			}
			require.Len(t, effects.Enqueue, 1)
		})
	}
}

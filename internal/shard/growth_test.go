package shard_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/shard"
)

// An installation lives for years: of jobs that came and went nothing stays,
// neither in the topic nor in memory.
func TestOfJobsThatComeAndGoNothingStays(t *testing.T) {
	jobs := 100_000
	if testing.Short() {
		jobs = 5_000
	}
	core := shard.New(shard.Config{Shard: 3, By: "s1", Lead: 5 * time.Second}, nil)
	states := map[string]bool{}
	step := func(now time.Time, inputs ...shard.Input) {
		effects := core.Step(inputs, now)
		for _, st := range effects.States {
			states[st.Job] = true
		}
		for _, name := range effects.Forget {
			delete(states, name)
		}
	}
	now := midnight()
	step(now, shard.JobsLoaded{})
	for i := range jobs {
		j := job.Default()
		j.Name, j.Cluster, j.Schedule, j.Command = fmt.Sprintf("job-%d", i), "cluster-a", "* * * * *", []string{"true"}
		j = j.WithDefaults()
		now = now.Add(10 * time.Millisecond)
		step(now, shard.JobChanged{Name: j.Name, Job: &j, AppliedAt: now})
		step(now, shard.JobChanged{Name: j.Name})
	}
	// What was staged is withdrawn, and all is forgotten some minutes later.
	for range 600 {
		now = now.Add(time.Second)
		since := now.Sub(midnight())
		step(now, shard.Beats{Asked: since, Now: since})
	}
	require.Zero(t, core.Jobs())
	require.Zero(t, core.Unfinished())
	require.Empty(t, states)
	require.Zero(t, core.Remembered())
}

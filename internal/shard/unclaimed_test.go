package shard_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// TestUnclaimed: a run that stands on its queue past its time counts only
// while a worker of that queue has slots free.
func TestUnclaimed(t *testing.T) {
	start := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	s := shard.New(shard.Config{By: "s", Lead: 5 * time.Second}, nil)
	j := job.Default()
	j.Name, j.Cluster, j.Schedule, j.Command = "a", "cluster-a", "* * * * *", []string{"true"}
	j = j.WithDefaults()
	s.Step([]shard.Input{shard.JobChanged{Name: "a", Job: &j, AppliedAt: start}, shard.JobsLoaded{}}, start)
	due := start.Add(time.Minute)
	staged := s.Step(nil, due.Add(-time.Second)).Enqueue
	require.Len(t, staged, 1)

	beats := func(cluster string, free int) {
		w := member.Member{Status: member.StatusLive, Beat: member.Beat{
			ID: "w", Role: member.RoleWorker, Incarnation: 1, Cluster: cluster,
			Runs: member.Slots{Total: 2, Free: free, Partitions: []int32{0}},
		}}
		s.Step([]shard.Input{shard.Beats{Workers: []member.Member{w}}}, due.Add(time.Second))
	}
	unclaimed := func(before time.Time) int {
		n, oldest := s.Unclaimed(before)
		if n > 0 {
			require.True(t, oldest.Equal(due), oldest)
		}
		return n
	}
	require.Zero(t, unclaimed(due.Add(time.Minute)), "nobody has room")
	beats("cluster-a", 0)
	require.Zero(t, unclaimed(due.Add(time.Minute)), "its workers are busy")
	beats("cluster-b", 1)
	require.Zero(t, unclaimed(due.Add(time.Minute)), "another cluster has room")
	beats("cluster-a", 1)
	require.Zero(t, unclaimed(due), "it is not overdue")
	require.Equal(t, 1, unclaimed(due.Add(time.Minute)))

	r := staged[0].Run
	s.Step([]shard.Input{shard.Reported{Event: run.Event{
		Type: run.EventClaimed, Job: "a", Run: r.ID, Attempt: 1, Fence: r.Fence, By: "w", Incarnation: 1,
	}}}, due.Add(2*time.Second))
	require.Zero(t, unclaimed(due.Add(time.Minute)), "it is claimed")
}

package shard_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// BenchmarkLoad is what a new owner does with each job: its state and its
// definition are decoded and taken in. Of os.File and Kafka there is nothing.
func BenchmarkLoad(b *testing.B) {
	const jobs = 20_000
	states, definitions := make([][]byte, jobs), make([][]byte, jobs)
	for i := range jobs {
		j := job.Default()
		j.Name, j.Cluster, j.Schedule = fmt.Sprintf("job-%06d", i), "cluster-a", fmt.Sprintf("%d %d * * *", i%60, i/60%24)
		j.Command = []string{"/bin/sh", "-c", fmt.Sprintf("report %d", i)}
		j = j.WithDefaults()
		var err error
		definitions[i], err = topic.EncodeJob(topic.Job{AppliedAt: midnight(), Job: j})
		require.NoError(b, err)
		states[i], err = topic.EncodeState(shard.JobState{Job: j.Name, Version: j.Version(), Through: midnight(), Fence: 1})
		require.NoError(b, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		codec := topic.NewCodec()
		core := shard.New(shard.Config{Shard: 3, By: "s1"}, nil)
		for _, value := range states {
			st, err := codec.DecodeState(value)
			require.NoError(b, err)
			core.Restore(st)
		}
		for _, value := range definitions {
			j, err := codec.DecodeJob(value)
			require.NoError(b, err)
			core.Step([]shard.Input{shard.JobChanged{Name: j.Job.Name, Job: &j.Job, Replayed: true}}, midnight())
		}
		core.Step([]shard.Input{shard.JobsLoaded{}}, midnight())
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/jobs, "µs/job")
}

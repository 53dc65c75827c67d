package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

const twoJobs = `
jobs:
  - name: a
    schedule: "* * * * *"
    command: echo a
  - name: b
    schedule: "@daily"
    command: echo b
`

// newStore returns the jobs topic of a fresh broker.
func newStore(t *testing.T) Store {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	s := Store{
		Kafka: kafka.Options{Brokers: broker.ListenAddrs()},
		Names: topic.Names{Prefix: topic.DefaultPrefix}, Shards: 4,
	}
	s.Client, err = s.Kafka.Client()
	require.NoError(t, err)
	t.Cleanup(s.Client.Close)
	_, err = kafka.NewAdmin(s.Client, s.Names).EnsureTopics(t.Context(), nil, s.Shards, kafka.EnsureOptions{})
	require.NoError(t, err)
	return s
}

// newSource returns a source of path, and the clusters it asked for.
func newSource(t *testing.T, s Store, path string) (src *source, clusters *[]string) {
	t.Helper()
	clusters = new([]string)
	return &source{
		path: path, by: "test", store: s, log: slog.New(slog.DiscardHandler),
		metrics: newSourceMetrics(prometheus.NewRegistry()),
		prepare: func(_ context.Context, names []string) error {
			*clusters = names
			return nil
		},
	}, clusters
}

// records counts what was ever written to the jobs topic.
func records(t *testing.T, s Store) int {
	t.Helper()
	n := 0
	require.NoError(t, kafka.ReadAll(t.Context(), s.Kafka, s.Names.Jobs(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		require.Equal(t, topic.Partition(string(r.Key), s.Shards), r.Partition)
		n++
		return nil
	}))
	return n
}

// reading returns what a counter or gauge shows.
func reading(t *testing.T, m prometheus.Metric) int {
	t.Helper()
	var shown dto.Metric
	require.NoError(t, m.Write(&shown))
	return int(shown.GetCounter().GetValue() + shown.GetGauge().GetValue())
}

func inForce(t *testing.T, s Store) map[string]topic.Job {
	t.Helper()
	jobs, err := s.Jobs(t.Context())
	require.NoError(t, err)
	return jobs
}

func TestSourceWritesOnlyWhatChanged(t *testing.T) {
	s := newStore(t)
	path := filepath.Join(t.TempDir(), "jobs.yaml")
	write := func(content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	write("clusters: [cluster-a, cluster-z]" + twoJobs)
	src, clusters := newSource(t, s, path)

	src.look(t.Context())
	require.Len(t, inForce(t, s), 2)
	require.Equal(t, []string{"cluster-a", "cluster-z"}, *clusters)
	require.Equal(t, 2, records(t, s))

	src.look(t.Context())
	require.Equal(t, 2, records(t, s), "the same content writes nothing")

	other, _ := newSource(t, s, path)
	other.look(t.Context())
	require.Equal(t, 2, records(t, s), "nor does another source of the same file")

	write(strings.Replace("clusters: [cluster-a, cluster-z]"+twoJobs, "echo a", "echo A", 1))
	src.look(t.Context())
	require.Equal(t, 3, records(t, s), "one job changed")
	require.Equal(t, "echo A", inForce(t, s)["a"].Job.Command[2])

	write("jobs:\n  - name: b\n    schedule: '@daily'\n    command: echo b\n")
	src.look(t.Context())
	require.NotContains(t, inForce(t, s), "a", "what the file no longer has is removed")
	require.Equal(t, 1, reading(t, src.metrics.valid))
}

func TestSourceLeavesTheJobsOfOthersAlone(t *testing.T) {
	s := newStore(t)
	dir := t.TempDir()
	mine, others := filepath.Join(dir, "mine.yaml"), filepath.Join(dir, "others.yaml")
	require.NoError(t, os.WriteFile(others, []byte(twoJobs), 0o600))
	src, _ := newSource(t, s, others)
	src.look(t.Context())

	require.NoError(t, os.WriteFile(mine, []byte("jobs: []\n"), 0o600))
	src, _ = newSource(t, s, mine)
	src.look(t.Context())
	require.Len(t, inForce(t, s), 2)
}

func TestABrokenFileChangesNothing(t *testing.T) {
	s := newStore(t)
	path := filepath.Join(t.TempDir(), "jobs.yaml")
	require.NoError(t, os.WriteFile(path, []byte(twoJobs), 0o600))
	src, _ := newSource(t, s, path)
	src.look(t.Context())
	before := inForce(t, s)

	for i, breakIt := range []func(){
		func() { require.NoError(t, os.WriteFile(path, []byte("jobs:\n  - name: c\n"), 0o600)) },
		func() { require.NoError(t, os.WriteFile(path, nil, 0o600)) },
		func() { require.NoError(t, os.Remove(path)) },
	} {
		breakIt()
		src.look(t.Context())
		src.look(t.Context()) // is reported once
		require.Equal(t, before, inForce(t, s))
		require.Equal(t, i+1, reading(t, src.metrics.errors))
		require.Zero(t, reading(t, src.metrics.valid))
	}

	require.NoError(t, os.WriteFile(path, []byte(twoJobs), 0o600))
	src.look(t.Context())
	require.Equal(t, 1, reading(t, src.metrics.valid), "mended with its old content")
	require.Equal(t, 2, records(t, s))
}

func TestPlanNamesWhatChanged(t *testing.T) {
	s := newStore(t)
	path := filepath.Join(t.TempDir(), "jobs.yaml")
	require.NoError(t, os.WriteFile(path, []byte(twoJobs), 0o600))
	src, _ := newSource(t, s, path)
	src.look(t.Context())
	have := inForce(t, s)

	changed := have["a"].Job
	changed.Command, changed.Timeout = []string{"true"}, 5e9
	fresh := have["b"].Job
	fresh.Name = "c"
	plan := Plan(have, []job.Job{fresh, changed}, FromPath(path))
	for i := range plan {
		plan[i].Job = job.Job{}
	}
	require.Equal(t, []Change{
		{Kind: Changed, Name: "a", Fields: []string{"command", "timeout"}},
		{Kind: Removed, Name: "b"},
		{Kind: Added, Name: "c"},
	}, plan)
	require.Empty(t, Plan(have, nil, Keep))
}

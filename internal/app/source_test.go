package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
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
func newStore(t *testing.T) *query.Topics {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	s := &query.Topics{
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
func newSource(t *testing.T, s *query.Topics, path string) (src *source, clusters *[]string) {
	t.Helper()
	clusters = new([]string)
	return &source{
		path: path, by: "test", topics: s, log: slog.New(slog.DiscardHandler),
		metrics: newSourceMetrics(prometheus.NewRegistry()),
		prepare: func(_ context.Context, names []string) error {
			*clusters = names
			return nil
		},
	}, clusters
}

// records counts what was ever written to the jobs topic.
func records(t *testing.T, s *query.Topics) int {
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

func inForce(t *testing.T, s *query.Topics) map[string]topic.Job {
	t.Helper()
	jobs, err := s.Jobs(t.Context())
	require.NoError(t, err)
	return jobs
}

// looks lets a source look so many times.
func looks(t *testing.T, s *source, times int) {
	t.Helper()
	for range times {
		s.look(t.Context())
	}
}

func TestSourceWritesOnlyWhatChanged(t *testing.T) {
	s := newStore(t)
	path := filepath.Join(t.TempDir(), "jobs.yaml")
	write := func(content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	write("clusters: [cluster-a, cluster-z]" + twoJobs)
	src, clusters := newSource(t, s, path)

	looks(t, src, untilRead)
	require.Len(t, inForce(t, s), 2)
	require.Equal(t, []string{"cluster-a", "cluster-z"}, *clusters)
	require.Equal(t, 2, records(t, s))

	looks(t, src, untilRead)
	require.Equal(t, 2, records(t, s), "the same content writes nothing")

	other, _ := newSource(t, s, path)
	looks(t, other, untilRead)
	require.Equal(t, 2, records(t, s), "nor does another source of the same file")

	write(strings.Replace("clusters: [cluster-a, cluster-z]"+twoJobs, "echo a", "echo A", 1))
	looks(t, src, untilRead)
	require.Equal(t, 3, records(t, s), "one job changed")
	require.Equal(t, "echo A", inForce(t, s)["a"].Job.Command[2])

	write("jobs:\n  - name: b\n    schedule: '@daily'\n    command: echo b\n")
	looks(t, src, untilGone-1)
	require.Contains(t, inForce(t, s), "a", "it may come back")
	require.Equal(t, 3, records(t, s))
	looks(t, src, 1)
	require.NotContains(t, inForce(t, s), "a", "what the file no longer has is removed")
	looks(t, src, untilGone)
	require.Equal(t, 4, records(t, s), "once")
	require.Equal(t, 1, reading(t, src.metrics.valid))
}

func TestSourceLeavesTheJobsOfOthersAlone(t *testing.T) {
	s := newStore(t)
	dir := t.TempDir()
	mine, others := filepath.Join(dir, "mine.yaml"), filepath.Join(dir, "others.yaml")
	require.NoError(t, os.WriteFile(others, []byte(twoJobs), 0o600))
	src, _ := newSource(t, s, others)
	looks(t, src, untilRead)

	require.NoError(t, os.WriteFile(mine, []byte("jobs: []\n"), 0o600))
	src, _ = newSource(t, s, mine)
	looks(t, src, untilRead)
	require.Len(t, inForce(t, s), 2)
}

func TestABrokenFileChangesNothing(t *testing.T) {
	s := newStore(t)
	path := filepath.Join(t.TempDir(), "jobs.yaml")
	require.NoError(t, os.WriteFile(path, []byte(twoJobs), 0o600))
	src, _ := newSource(t, s, path)
	looks(t, src, untilRead)
	before := inForce(t, s)

	for i, breakIt := range []func(){
		func() { require.NoError(t, os.WriteFile(path, []byte("jobs:\n  - name: c\n"), 0o600)) },
		func() { require.NoError(t, os.WriteFile(path, nil, 0o600)) },
		func() { require.NoError(t, os.Remove(path)) },
	} {
		breakIt()
		looks(t, src, 2*untilRead) // is reported once
		require.Equal(t, before, inForce(t, s))
		require.Equal(t, i+1, reading(t, src.metrics.errors))
		require.Zero(t, reading(t, src.metrics.valid))
	}

	require.NoError(t, os.WriteFile(path, []byte(twoJobs), 0o600))
	looks(t, src, untilRead)
	require.Equal(t, 1, reading(t, src.metrics.valid), "mended with its old content")
	require.Equal(t, 2, records(t, s))
}

// TestAFileThatIsBeingWritten: at no moment of a slow write in place does a
// line run that is cut off, or a job go that comes back.
func TestAFileThatIsBeingWritten(t *testing.T) {
	for _, name := range []string{"jobs.crontab", "jobs.yaml"} {
		const crontab = "# name: a\n* * * * * rm -rf /data/tmp/old\n# name: b\n@daily echo b\n"
		text := crontab
		if name == "jobs.yaml" {
			text = "jobs:\n  - name: a\n    schedule: '* * * * *'\n    command: rm -rf /data/tmp/old\n  - {name: b, command: echo b}\n"
		}
		for _, pause := range []int{1, untilRead, untilGone - 1} {
			s := newStore(t)
			path := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			src, _ := newSource(t, s, path)
			looks(t, src, untilRead)
			before := inForce(t, s)
			require.Len(t, before, 2)
			for end := range len(text) + 1 {
				require.NoError(t, os.WriteFile(path, []byte(text[:end]), 0o600))
				if end%7 == 0 || end == len(text)-3 { // it pauses here and there
					looks(t, src, pause)
				}
				require.Equal(t, before, inForce(t, s), text[:end])
			}
			looks(t, src, untilGone)
			require.Equal(t, before, inForce(t, s))
			require.Equal(t, 2, records(t, s), "nothing was written")
			require.Equal(t, 1, reading(t, src.metrics.valid))
		}
	}
}

// TestAFileThatEndsWithinALine is believed in the end.
func TestAFileThatEndsWithinALine(t *testing.T) {
	s := newStore(t)
	path := filepath.Join(t.TempDir(), "jobs.crontab")
	require.NoError(t, os.WriteFile(path, []byte("@daily echo"), 0o600))
	src, _ := newSource(t, s, path)
	looks(t, src, untilGone-1)
	require.Empty(t, inForce(t, s))
	looks(t, src, 1)
	require.Len(t, inForce(t, s), 1)
}

// TestAFileOfAFolderThatIsAway for a moment costs no job.
func TestAFileOfAFolderThatIsAway(t *testing.T) {
	s := newStore(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("jobs: [{name: x, command: x}]\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(twoJobs), 0o600))
	src, _ := newSource(t, s, dir)
	looks(t, src, untilRead)
	before := inForce(t, s)
	require.Len(t, before, 3)

	away := filepath.Join(t.TempDir(), "b.yaml")
	require.NoError(t, os.Rename(filepath.Join(dir, "b.yaml"), away))
	looks(t, src, untilGone-1)
	require.NoError(t, os.Rename(away, filepath.Join(dir, "b.yaml")))
	looks(t, src, untilGone)
	require.Equal(t, before, inForce(t, s))
	require.Equal(t, 3, records(t, s))
}

// TestAFileThatNeverStandsStill is said.
func TestAFileThatNeverStandsStill(t *testing.T) {
	src, _ := newSource(t, nil, filepath.Join(t.TempDir(), "jobs.yaml"))
	for i := range 2 * untilSaid {
		require.NoError(t, os.WriteFile(src.path, fmt.Appendf(nil, "jobs: [{name: j%d, command: x}]\n", i), 0o600))
		looks(t, src, 1)
	}
	require.Equal(t, 1, reading(t, src.metrics.errors))
}

// TestAPipeAmongTheJobFiles keeps what is in force, and the source going.
func TestAPipeAmongTheJobFiles(t *testing.T) {
	s := newStore(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(twoJobs), 0o600))
	src, _ := newSource(t, s, dir)
	looks(t, src, untilRead)
	before := inForce(t, s)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "b.yaml"), 0o600))
	looks(t, src, untilGone)
	require.Equal(t, before, inForce(t, s))
	require.Equal(t, 1, reading(t, src.metrics.errors))
	require.NoError(t, os.Remove(filepath.Join(dir, "b.yaml")))
	looks(t, src, untilRead)
	require.Equal(t, 1, reading(t, src.metrics.valid))
}

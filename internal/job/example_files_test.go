package job

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func readExamples(t testing.TB) []File {
	var files []File
	for _, name := range []string{"jobs.yaml", "legacy.crontab"} {
		data, err := os.ReadFile("../../examples/" + name)
		require.NoError(t, err)
		files = append(files, File{Name: name, Data: data})
	}
	return files
}

func TestExamplesAreGood(t *testing.T) {
	set, err := Parse(readExamples(t))
	require.NoError(t, err)
	require.Equal(t, DefaultClusters(), set.Clusters)
	require.GreaterOrEqual(t, len(set.Jobs), 12)

	// Somebody who tries them sees results soon, in both clusters, and needs
	// no other user than their own.
	start := time.Date(2026, 1, 5, 12, 0, 7, 0, time.UTC)
	soon := map[string]int{}
	for _, j := range set.Jobs {
		require.Empty(t, j.Validate(), j.Name)
		if j.User != "" {
			require.True(t, j.Paused, j.Name)
		}
		s, err := j.Compile()
		require.NoError(t, err)
		if s == nil || j.Paused {
			continue
		}
		if due, ok := s.Next(start); ok && due.Sub(start) <= time.Minute {
			soon[j.Cluster]++
		}
	}
	require.GreaterOrEqual(t, soon["cluster-a"], 6)
	require.GreaterOrEqual(t, soon["cluster-b"], 3)
}

// TestExampleUsesEveryField holds jobs.yaml to its promise.
func TestExampleUsesEveryField(t *testing.T) {
	s, problem := newSource(readExamples(t)[0])
	require.Nil(t, problem)
	root, problems := readTree(s)
	require.Empty(t, problems)
	used := map[string]bool{}
	var mark func(prefix string, n *node)
	mark = func(prefix string, n *node) {
		for _, e := range n.entries {
			used[prefix+e.key] = true
			if e.key == "retry_backoff" || e.key == "catch_up" {
				mark(e.key+".", e.value)
			}
		}
	}
	mark("", root)
	for _, e := range root.entries {
		if e.key == "jobs" {
			for _, n := range e.value.items {
				mark("", n)
			}
		}
	}
	for _, e := range root.entries {
		if e.key == "defaults" {
			mark("", e.value)
		}
	}
	want := append(fieldNames(), "clusters", "calendars", "blackouts", "defaults", "jobs",
		"retry_backoff.initial", "retry_backoff.factor", "retry_backoff.max", "retry_backoff.jitter",
		"catch_up.policy", "catch_up.window")
	for _, field := range want {
		require.True(t, used[field], "examples/jobs.yaml does not use %s", field)
	}
}

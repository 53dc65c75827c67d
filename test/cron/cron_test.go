//go:build linux

package cron

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// opened skips where the suite was not asked for, and fails where it cannot
// run.
func opened(t *testing.T) {
	t.Helper()
	if os.Getenv("BELFRY_TEST_CRON") != "1" {
		t.Skip("BELFRY_TEST_CRON=1 runs Debian's cron beside Belfry's schedules")
	}
	require.Empty(t, newBox(t).forbidden)
}

// TestDaemon takes the daemon through every change, minute by minute.
func TestDaemon(t *testing.T) {
	opened(t)
	all := changes(t)
	results := make([]result, len(all))
	t.Run("changes", func(t *testing.T) {
		for i, c := range all {
			t.Run(c.name(), func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				daemon := newBox(t).steps(t, c.zone, c.lines, c.minutes(), c.slow)
				belfry := c.due(t)
				require.Greater(t, len(belfry), 15, "the window holds nothing to compare")
				results[i] = result{c, daemon, belfry, c.differences(t, daemon, belfry)}
				t.Logf("%d starts by cron, %d due times in Belfry, compared in %s", total(daemon), total(belfry), time.Since(began).Round(time.Second))
			})
		}
	})
	partial := slices.ContainsFunc(results, func(r result) bool { return r.daemon == nil })
	if !t.Failed() && !partial {
		report(t, results)
	}
}

// result is one change and what came of it.
type result struct {
	change
	daemon, belfry fires
	reasons        [][]reason
}

func total(f fires) int {
	n := 0
	for _, count := range f {
		n += count
	}
	return n
}

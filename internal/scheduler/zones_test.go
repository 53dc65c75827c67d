package scheduler

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
)

// TestOtherZonesAreWarnedOf once, and again when they change.
func TestOtherZonesAreWarnedOf(t *testing.T) {
	var log bytes.Buffer
	w := newWatcher(&scheduler{o: Options{Name: "s1", Zones: "2025c", Log: slog.New(slog.NewTextHandler(&log, nil))}})
	hear := func(id, zones string, seq int64) {
		w.view.Observe(0, member.Beat{ID: id, Role: member.RoleWorker, Incarnation: 1, Seq: seq, Zones: zones})
	}
	warned := func() int {
		w.tellZones()
		w.tellZones()
		return strings.Count(log.String(), "members read other time zone data")
	}
	hear("w1", "2025c", 1)
	hear("older", "", 1)
	require.Zero(t, warned())
	hear("w2", "2025b", 1)
	require.Equal(t, 1, warned())
	require.Contains(t, log.String(), `ours=2025c theirs="w2: 2025b"`)
	hear("w2", "2025c", 2)
	require.Equal(t, 1, warned())
	hear("w1", "2025b", 2)
	require.Equal(t, 2, warned())
}

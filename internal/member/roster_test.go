package member_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// A roster tells of living members alone, unless all are asked for: their zones,
// each version once, the clusters that are closed to them, with the reason in
// words, and the shards that nobody owns.
func TestRoster(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	var v member.View
	observe := func(b member.Beat) {
		b.Incarnation, b.Seq = 1, 1
		v.Observe(0, b)
	}
	observe(member.Beat{
		ID: "s", Role: member.RoleScheduler, At: now, Zones: "2025c", Shards: []int32{0, 2},
		Closed: []member.Closed{{Cluster: "c", Reason: run.ReasonNotAuthorized}},
	})
	observe(member.Beat{ID: "a", Role: member.RoleWorker, At: now, Zones: "2025c"})
	observe(member.Beat{ID: "quiet", Role: member.RoleWorker, At: now.Add(-2 * time.Minute), Zones: "2025b"})
	observe(member.Beat{ID: "older", Role: member.RoleWorker, At: now})
	observe(member.Beat{ID: "left", Role: member.RoleWorker, At: now, Zones: "2024a", Leaving: true})

	r := v.Roster(3, false, now)
	require.Equal(t, []string{"2025b", "2025c"}, r.Zones)
	require.Equal(t, []int32{1}, r.Unowned)
	require.Equal(t, []member.ClosedBy{{
		Cluster: "c", By: "s", Reason: run.ReasonNotAuthorized, Why: run.Words(run.ReasonNotAuthorized),
	}}, r.Closed)
	statuses := func(r member.Roster) map[string]member.Status {
		all := map[string]member.Status{}
		for _, m := range r.Members {
			all[m.ID] = m.Status
		}
		return all
	}
	living := map[string]member.Status{
		"s": member.StatusLive, "a": member.StatusLive, "older": member.StatusLive, "quiet": member.StatusSilent,
	}
	require.Equal(t, living, statuses(r))
	living["left"] = member.StatusLeft
	require.Equal(t, living, statuses(v.Roster(3, true, now)))
}

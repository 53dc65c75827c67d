package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
)

// TestMembersTellTheirZones: of those that live, each version once.
func TestMembersTellTheirZones(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	of := func(id, zones string, status member.Status) member.Member {
		return member.Member{Beat: member.Beat{ID: id, Role: member.RoleWorker, At: now, Zones: zones}, Status: status}
	}
	a := membersOf([]member.Member{
		of("a", "2025c", member.StatusLive), of("b", "2025b", member.StatusSilent), of("c", "2025c", member.StatusLive),
		of("older", "", member.StatusLive), of("gone", "2024a", member.StatusGone),
	}, 0, false, now)
	require.Equal(t, []string{"2025b", "2025c"}, a.Zones)
}

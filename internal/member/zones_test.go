package member_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
)

// TestOtherZones: those that live and say so, and a bounded number of them.
func TestOtherZones(t *testing.T) {
	var all []member.Member
	add := func(id, zones string, status member.Status) {
		all = append(all, member.Member{Beat: member.Beat{ID: id, Zones: zones}, Status: status})
	}
	add("a", "2025b", member.StatusLive)
	add("b", "2025c", member.StatusLive)
	add("older", "", member.StatusLive)
	add("d", "2024a", member.StatusSilent)
	add("gone", "2024a", member.StatusGone)
	add("left", "2024a", member.StatusLeft)
	require.Equal(t, []string{"a: 2025b", "d: 2024a"}, member.OtherZones(all, "2025c"))
	require.Equal(t, []string{"b: 2025c", "d: 2024a"}, member.OtherZones(all, "2025b"))
	for i := range 100 {
		add(fmt.Sprint(i), "1970a", member.StatusLive)
	}
	require.Len(t, member.OtherZones(all, "2025c"), 10)
}

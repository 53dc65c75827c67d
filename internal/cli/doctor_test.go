package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
)

// TestJudgeMembers: each thing that can be wrong with members is told alone.
func TestJudgeMembers(t *testing.T) {
	now := time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC)
	live := func(id string, role member.Role, at time.Time) member.Listed {
		return member.Listed{Beat: member.Beat{ID: id, Role: role, Host: "h", At: at}, Status: member.StatusLive}
	}
	well := func() member.Roster {
		return member.Roster{Zones: []string{"2026a"}, Members: []member.Listed{
			live("s-1", member.RoleScheduler, now), live("s-2", member.RoleScheduler, now), live("w-1", member.RoleWorker, now),
		}}
	}
	for says, change := range map[string]func(*member.Roster){
		"":                            func(*member.Roster) {},
		"no scheduler lives":          func(m *member.Roster) { m.Members = m.Members[2:] },
		"there is one scheduler":      func(m *member.Roster) { m.Members = m.Members[1:] },
		"no worker lives":             func(m *member.Roster) { m.Members[2].Status = member.StatusGone },
		"nobody owns shards 1-2":      func(m *member.Roster) { m.Unowned = []int32{1, 2} },
		"runs of c wait":              func(m *member.Roster) { m.Closed = []member.ClosedBy{{Cluster: "c", Why: "no rights"}} },
		"w-1 on h is 1m0s from this":  func(m *member.Roster) { m.Members[2].At = now.Add(-time.Minute) },
		"w-1 on h is -1m0s from this": func(m *member.Roster) { m.Members[2].At = now.Add(time.Minute) },
		"members read a and b":        func(m *member.Roster) { m.Zones = []string{"a", "b"} },
	} {
		m := well()
		change(&m)
		var wrong []kafka.Finding
		for _, f := range judgeMembers(m, now) {
			if f.Wrong != "" {
				wrong = append(wrong, f)
			}
		}
		if says == "" {
			require.Empty(t, wrong)
			continue
		}
		require.Len(t, wrong, 1, says)
		require.Contains(t, wrong[0].Wrong, says)
		require.NotEmpty(t, wrong[0].Do)
	}
}

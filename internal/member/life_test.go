package member_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/member"
)

// Whatever number the life before has and whatever the clock says, the next
// one has a number that readers take.
func TestTheNextLifeHasANumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last := rapid.OneOf(rapid.Int64Range(0, member.LastLife), rapid.Int64Range(member.LastLife-2, member.LastLife)).Draw(t, "last")
		seconds := rapid.Int64Range(-62_167_219_200, 253_402_300_799).Draw(t, "now")
		next := member.Life(last, time.Unix(seconds, 999_999_999))
		require.Positive(t, next)
		require.LessOrEqual(t, next, int64(member.LastLife))
		if last < member.LastLife {
			require.Greater(t, next, last)
		}
	})
}

// A name is taken by a life with the last number there is, of a forged beat or
// of a host whose clock is far ahead. As soon as that life is dead, the name
// can be used again, by a life with the number that its clock says.
func TestTheLastLifeDoesNotUseUpItsName(t *testing.T) {
	for _, role := range []member.Role{member.RoleWorker, member.RoleScheduler} {
		for _, leaving := range []bool{false, true} {
			i := newInstallation()
			i.run(10 * time.Second)
			i.view.Observe(0, member.Beat{ID: "taken", Role: role, Incarnation: member.LastLife, Seq: 7, At: i.now, Leaving: leaving})
			require.Equal(t, !leaving, i.view.Replaced("taken", i.now.UnixNano()), "%s, leaving %v", role, leaving)
			i.run(31 * time.Second)
			require.False(t, i.view.Replaced("taken", i.now.UnixNano()), "%s, leaving %v", role, leaving)

			next := i.view.Incarnation("taken", i.now)
			require.Equal(t, i.now.UnixNano(), next)
			i.view.Observe(0, member.Beat{ID: "taken", Role: role, Incarnation: next, Seq: 1, At: i.now})
			m, known := i.view.Find("taken")
			require.True(t, known)
			require.Equal(t, next, m.Incarnation)
			require.Equal(t, member.StatusLive, m.Status)
			names, marks, _ := i.view.Size()
			require.Equal(t, 3, names)
			require.LessOrEqual(t, marks, 2*names+member.Slack)
		}
	}
}

package scheduler

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
)

// TestSkew: a clock that differs shows, in both directions and until it is set
// right; beats that come late do not.
func TestSkew(t *testing.T) {
	now := time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC)
	var k skew
	second := func(behind, late time.Duration) time.Duration {
		now = now.Add(time.Second)
		for id, offset := range map[string]time.Duration{"us": 0, "they": behind} {
			k.hear(&member.Beat{ID: id, At: now.Add(-offset - 5*time.Millisecond)}, now.Add(late))
		}
		return k.survey("us")
	}
	window := func(behind, late time.Duration) (last time.Duration) {
		for range 2 * skewWindow {
			last = second(behind, late)
		}
		return last
	}
	require.Zero(t, window(0, 0))
	require.Equal(t, 3*time.Second, window(3*time.Second, 0))
	require.Equal(t, -3*time.Second, window(-3*time.Second, 0))
	require.Zero(t, window(0, 0))
	require.Zero(t, window(0, time.Minute), "everything was late")
	second(0, 0)
	k.hear(&member.Beat{ID: "they", At: now.Add(-time.Minute)}, now)
	require.Zero(t, window(0, 0), "one beat was late")
	require.Zero(t, k.survey("nobody"))
}

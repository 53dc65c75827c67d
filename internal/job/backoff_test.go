package job

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBackoffBefore(t *testing.T) {
	j := Job{RetryBackoff: Backoff{Initial: 10 * time.Second, Factor: 2, Max: time.Minute, Jitter: 0.2}}
	for _, c := range []struct {
		attempt int
		spread  float64
		want    time.Duration
	}{
		{-1, 0.5, 0},
		{1, 0.5, 0},
		{2, 0.5, 10 * time.Second},
		{2, 0, 8 * time.Second},
		{2, 0.75, 11 * time.Second},
		{3, 0.5, 20 * time.Second},
		{4, 0.5, 40 * time.Second},
		{5, 0.5, time.Minute},
		{5, 0, 48 * time.Second},
		{math.MaxInt, 0.5, time.Minute},
	} {
		require.Equal(t, c.want, j.BackoffBefore(c.attempt, c.spread), "attempt %d, spread %v", c.attempt, c.spread)
	}
	odd := Job{RetryBackoff: Backoff{Initial: time.Second, Factor: math.NaN(), Max: math.MaxInt64}}
	require.Equal(t, MaxDuration, odd.BackoffBefore(3, 0.5))
	odd.RetryBackoff.Factor = math.Inf(1)
	require.Equal(t, MaxDuration, odd.BackoffBefore(9, 0.5))
	require.Equal(t, 5*time.Second, Job{RetryBackoff: Backoff{Initial: 5 * time.Second}}.BackoffBefore(9, 0.9),
		"a record without a factor waits the same each time")
	require.Zero(t, Job{}.BackoffBefore(2, 0.9))
}

// TestBackoffIsBounded: no values, however odd, make a wait negative or
// longer than its bound, and without jitter it never shrinks.
func TestBackoffIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := Job{RetryBackoff: Backoff{
			Initial: time.Duration(rapid.Int64().Draw(t, "initial")),
			Factor:  rapid.Float64().Draw(t, "factor"),
			Max:     time.Duration(rapid.Int64().Draw(t, "max")),
			Jitter:  rapid.Float64().Draw(t, "jitter"),
		}}
		attempt := rapid.Int().Draw(t, "attempt")
		spread := rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "spread")
		wait := j.BackoffBefore(attempt, spread)
		bound := MaxDuration
		if j.RetryBackoff.Max > 0 {
			bound = min(bound, j.RetryBackoff.Max)
		}
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.LessOrEqual(t, wait, 2*bound)
		if attempt < math.MaxInt {
			require.LessOrEqual(t, j.BackoffBefore(attempt, 0.5), j.BackoffBefore(attempt+1, 0.5))
		}
	})
}

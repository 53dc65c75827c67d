package job

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour,
		"1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "250ms": 250 * time.Millisecond, "0d1ms": time.Millisecond,
	} {
		got, message, _ := parseDuration(text)
		require.Empty(t, message, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "d", "5", "1.5", "-1s", "+1s", "1h-1m", "1h2d", "1d2d", "1 h", "1w", "1e3s", ".", "1.2.3d", "NaNd", "Infd", "99999999999999d"} {
		_, message, _ := parseDuration(text)
		require.NotEmpty(t, message, text)
	}
}

// TestDurationRoundTrip: what Belfry writes it reads back.
func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Duration(rapid.Int64Range(0, int64(MaxDuration/time.Millisecond)).Draw(t, "ms")) * time.Millisecond
		got, message, _ := parseDuration(formatDuration(want))
		require.Empty(t, message)
		require.Equal(t, want, got)
	})
}

// TestParseDurationNeverOverflows: text of the right letters is refused or
// gives a duration that the limits can judge.
func TestParseDurationNeverOverflows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([0-9]{1,20}(\.[0-9]{1,20})?d)?([0-9]{1,20}(\.[0-9]{1,3})?(h|m|s|ms)){0,4}`).Draw(t, "text")
		got, message, _ := parseDuration(text)
		if message == "" {
			require.GreaterOrEqual(t, got, time.Duration(0), text)
		}
	})
}

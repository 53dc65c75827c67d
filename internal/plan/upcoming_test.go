package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/schedule"
)

func preview(t *testing.T, expression, zone string) Preview {
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	s, err := schedule.Parse(expression, schedule.Options{Location: location})
	require.NoError(t, err)
	p := Preview{Next: s.Next}
	if !strings.HasPrefix(expression, "@every") {
		wall, err := schedule.Parse(expression, schedule.Options{})
		require.NoError(t, err)
		p.Wall = wall.Next
	}
	return p
}

// marks writes what is peculiar about a due time.
func marks(u Upcoming) string {
	const clock = "15:04"
	out := u.At.Format("02 15:04 -0700")
	if !u.Since.IsZero() {
		out += " " + u.At.Sub(u.Since).String()
	}
	for _, c := range u.Changes {
		out += " " + c.Before().Format(clock) + ">" + c.After().Format(clock)
	}
	if !u.MovedFrom.IsZero() {
		out += " for " + u.MovedFrom.Format(clock)
	}
	if !u.Lost.IsZero() {
		out += " lost " + u.Lost.Format(clock)
	}
	if u.Repeat > 0 {
		out += fmt.Sprintf(" #%d both=%t", u.Repeat, u.Both)
	}
	if u.Skipped > 0 {
		out += fmt.Sprintf(" skipped %d: %s", u.Skipped, u.Why)
	}
	return out
}

func TestClockChangesAreMarked(t *testing.T) {
	for _, c := range []struct {
		expression, zone, after string
		want                    []string
	}{
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{
			"29 03:00 +0200 23h30m0s 02:00>03:00 for 02:30",
			"30 02:30 +0200 23h30m0s",
		}},
		{"0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{
			"29 03:00 +0200 23h0m0s 02:00>03:00",
		}},
		{"30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{
			"29 01:30 +0100 1h0m0s",
			"29 03:30 +0200 1h0m0s 02:00>03:00 lost 02:30",
		}},
		{"@every 90m", "Europe/Berlin", "2026-03-29T00:50:00Z", []string{
			"29 03:30 +0200 1h30m0s 02:00>03:00",
		}},
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{
			"25 02:30 +0200 24h0m0s #1 both=false",
			"26 02:30 +0100 25h0m0s 03:00>02:00",
		}},
		{"30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", []string{
			"25 02:30 +0200 1h0m0s #1 both=true",
			"25 02:30 +0100 1h0m0s 03:00>02:00 #2 both=true",
			"25 03:30 +0100 1h0m0s",
		}},
		// Half an hour, and midnight itself.
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", []string{
			"05 01:45 +1100 24h0m0s #1 both=false",
		}},
		{"@daily", "Africa/Cairo", "2026-04-23T12:00:00Z", []string{
			"24 01:00 +0300 24h0m0s 00:00>01:00 for 00:00",
		}},
		// The year between two fires holds two changes.
		{"0 0 1 7 *", "Europe/Berlin", "2026-01-01T00:00:00Z", []string{
			"01 00:00 +0200 8760h0m0s 03:00>02:00 02:00>03:00",
		}},
		{"@at 2026-01-01T00:00:00Z", "UTC", "2025-01-01T00:00:00Z", []string{"01 00:00 +0000"}},
		{"@at 2026-01-01T00:00:00Z", "UTC", "2026-01-01T00:00:00Z", nil},
	} {
		after, err := time.Parse(time.RFC3339, c.after)
		require.NoError(t, err)
		var got []string
		for _, u := range preview(t, c.expression, c.zone).List(after, max(len(c.want), 1)) {
			got = append(got, marks(u))
		}
		require.Equal(t, c.want, got, "%s %s", c.expression, c.zone)
	}
}

func TestSkippedDueTimesArePassedOver(t *testing.T) {
	p := preview(t, "0 * * * *", "UTC")
	p.Reason = func(at time.Time) string {
		if at.Hour() < 22 {
			return "night only"
		}
		return ""
	}
	got := p.List(noon(), 3)
	require.Len(t, got, 3)
	require.Equal(t, "21 22:00 +0000 23h0m0s skipped 9: night only", marks(got[0]))
	require.Equal(t, "21 23:00 +0000 1h0m0s", marks(got[1]))
	require.Equal(t, "22 22:00 +0000 23h0m0s skipped 22: night only", marks(got[2]))
	p.Reason = func(time.Time) string { return "always" }
	p.Next = next(t, "* * * * * *").Next
	require.Empty(t, p.List(noon(), 1))
}

func TestHeatCountsOnTheClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	s, err := schedule.Parse("*/15 * * * *", schedule.Options{Location: berlin})
	require.NoError(t, err)
	first := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	h, err := Count([]Due{{Next: s.Next}}, first, first.AddDate(0, 1, 0), berlin, MaxHeat)
	require.NoError(t, err)
	require.Len(t, h.Days, 31)
	require.Equal(t, 96, h.Days[0].Total)
	require.Equal(t, 100, h.Days[24].Total)
	require.Equal(t, 8, h.Days[24].Hours[2])
	require.Equal(t, 4, h.Days[30].Hours[23])
	day, hour := h.Max()
	require.Equal(t, []int{100, 8}, []int{day, hour})

	_, err = Count([]Due{{Next: s.Next}}, first, first.AddDate(0, 1, 0), berlin, 31*96+4)
	require.NoError(t, err)
	_, err = Count([]Due{{Next: s.Next}}, first, first.AddDate(0, 1, 0), berlin, 31*96+3)
	require.ErrorIs(t, err, ErrTooMany)
}

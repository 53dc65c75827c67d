package check

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/schedule"
)

// The judge's evaluator and Belfry's own are written apart; here they are
// held against each other, over both clock changes of the year.
func TestNaiveAgreesWithSchedule(t *testing.T) {
	days := []time.Time{
		time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 4, 4, 14, 0, 0, 0, time.UTC), // Lord Howe
		time.Date(2026, 11, 1, 5, 0, 0, 0, time.UTC), // New York
		time.Date(2026, 6, 10, 11, 0, 0, 0, time.UTC),
	}
	tests := []struct {
		text    string
		seconds bool
	}{
		{"* * * * *", false},
		{"*/7 * * * *", false},
		{"30 2 * * *", false},
		{"0,30 1-3 * * *", false},
		{"15 */2 29 3 *", false},
		{"*/20 2 * 3,10 0", false},
		{"0 2 */2 * 0", false},
		{"5 2 25 * 3", false},
		{"*/20 * * * * *", true},
		{"*/10 30 2 * * *", true},
		{"0 0 2 * * *", true},
		{"@every 90s", false},
	}
	for _, zone := range []string{"UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe"} {
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		for _, tt := range tests {
			x, err := understand(tt.text, tt.seconds, zone)
			require.NoError(t, err)
			s, err := schedule.Parse(tt.text, schedule.Options{Seconds: tt.seconds, Location: loc, Key: "k"})
			require.NoError(t, err)
			for _, day := range days {
				until := day.Add(6 * time.Hour)
				var want []time.Time
				for due, ok := s.Next(day); ok && !due.After(until); due, ok = s.Next(due) {
					want = append(want, due.UTC())
				}
				require.Equal(t, want, x.dues(day, until), "%q in %s from %s", tt.text, zone, day)
			}
		}
	}
}

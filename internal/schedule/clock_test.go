package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each case is the fires of one day around a clock change, as local times
// with their offset, written by hand from the zone's history.
func TestClockChanges(t *testing.T) {
	for _, c := range []struct{ name, zone, expr, from, to, want string }{
		// Forward 02:00 → 03:00 on 29 March 2026, back 03:00 → 02:00 on 25 October.
		{"gap: fixed fires at its end", "Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00+01:00", "2026-03-30T12:00:00+02:00", "29T03:00+02:00 30T02:30+02:00"},
		{"gap: fixed at its edge", "Europe/Berlin", "0 2,3 * * *", "2026-03-29T00:00:00+01:00", "2026-03-29T12:00:00+02:00", "29T03:00+02:00"},
		{"gap: several fixed times are one fire", "Europe/Berlin", "0,15,30 2 * * *", "2026-03-29T00:00:00+01:00", "2026-03-29T12:00:00+02:00", "29T03:00+02:00"},
		{"gap: wildcard hour follows the clock", "Europe/Berlin", "30 * * * *", "2026-03-29T00:00:00+01:00", "2026-03-29T05:00:00+02:00", "29T00:30+01:00 29T01:30+01:00 29T03:30+02:00 29T04:30+02:00"},
		{"gap: wildcard minute has no fire in it", "Europe/Berlin", "*/30 2 * * *", "2026-03-29T00:00:00+01:00", "2026-03-30T02:10:00+02:00", "30T02:00+02:00"},
		{"gap: a full list is not a wildcard", "Europe/Berlin", "30 0-4 * * *", "2026-03-29T00:00:00+01:00", "2026-03-29T12:00:00+02:00", "29T00:30+01:00 29T01:30+01:00 29T03:00+02:00 29T03:30+02:00 29T04:30+02:00"},
		{"fold: fixed fires the first time", "Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00+02:00", "2026-10-26T12:00:00+01:00", "25T02:30+02:00 26T02:30+01:00"},
		{"fold: asked from inside its second half", "Europe/Berlin", "45 2 * * *", "2026-10-25T02:10:00+01:00", "2026-10-26T12:00:00+01:00", "26T02:45+01:00"},
		{"fold: wildcard fires both times", "Europe/Berlin", "30 * * * *", "2026-10-25T00:45:00+02:00", "2026-10-25T04:00:00+01:00", "25T01:30+02:00 25T02:30+02:00 25T02:30+01:00 25T03:30+01:00"},
		{"fold: the next date is a year away, but the hour comes again first", "Europe/Berlin", "*/30 2 25 10 *", "2026-10-25T02:35:00+02:00", "2026-12-01T00:00:00+01:00", "25T02:00+01:00 25T02:30+01:00"},
		{"fold: a full list fires once", "Europe/Berlin", "30 0-23 * * *", "2026-10-25T01:00:00+02:00", "2026-10-25T04:00:00+01:00", "25T01:30+02:00 25T02:30+02:00 25T03:30+01:00"},
		{"gap: weekday of the skipped time counts", "Europe/Berlin", "30 2 * * 0", "2026-03-27T00:00:00+01:00", "2026-04-05T12:00:00+02:00", "29T03:00+02:00 05T02:30+02:00"},

		{"New York forward", "America/New_York", "30 2 * * *", "2026-03-07T12:00:00-05:00", "2026-03-09T12:00:00-04:00", "08T03:00-04:00 09T02:30-04:00"},
		{"New York back", "America/New_York", "30 1 * * *", "2026-10-31T12:00:00-04:00", "2026-11-02T12:00:00-05:00", "01T01:30-04:00 02T01:30-05:00"},
		// Forward 00:01 → 01:01 on 14 March 2010, back 00:01 → 23:01 on 7 November.
		{"St John's forward at one past midnight", "America/St_Johns", "30 0 * * *", "2010-03-13T12:00:00-03:30", "2010-03-15T12:00:00-02:30", "14T01:01-02:30 15T00:30-02:30"},
		{"St John's back over midnight", "America/St_Johns", "30 23 * * *", "2010-11-06T12:00:00-02:30", "2010-11-08T12:00:00-03:30", "06T23:30-02:30 07T23:30-03:30"},
		{"St John's back over midnight, wildcard", "America/St_Johns", "30 */23 * * *", "2010-11-06T12:00:00-02:30", "2010-11-07T12:00:00-03:30", "06T23:30-02:30 06T23:30-03:30 07T00:30-03:30"},
		// Half an hour: 02:00 → 02:30, and back 02:00 → 01:30.
		{"Lord Howe forward", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00:00+10:30", "2026-10-05T12:00:00+11:00", "04T02:30+11:00 05T02:15+11:00"},
		{"Lord Howe back, fixed", "Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00:00+11:00", "2026-04-06T12:00:00+10:30", "05T01:45+11:00 06T01:45+10:30"},
		{"Lord Howe back, wildcard", "Australia/Lord_Howe", "*/15 1 * * *", "2026-04-05T01:00:00+11:00", "2026-04-05T12:00:00+10:30", "05T01:15+11:00 05T01:30+11:00 05T01:45+11:00 05T01:30+10:30 05T01:45+10:30"},
		// Ramadan: back 03:00 → 02:00 on 15 February, forward 02:00 → 03:00 on 22 March 2026.
		{"Casablanca back", "Africa/Casablanca", "30 2 * * *", "2026-02-14T12:00:00+01:00", "2026-02-16T12:00:00+00:00", "15T02:30+01:00 16T02:30Z"},
		{"Casablanca forward", "Africa/Casablanca", "30 2 * * *", "2026-03-21T12:00:00+00:00", "2026-03-23T12:00:00+01:00", "22T03:00+01:00 23T02:30+01:00"},
		// 00:00 → 01:00 on 28 March 2015.
		{"Gaza forward", "Asia/Gaza", "30 0 * * *", "2015-03-27T12:00:00+02:00", "2015-03-29T12:00:00+03:00", "28T01:00+03:00 29T00:30+03:00"},
		// Midnight is skipped on 4 November 2018, and comes twice on 17/18 February 2018.
		{"Sao Paulo has no midnight", "America/Sao_Paulo", "@daily", "2018-11-03T12:00:00-03:00", "2018-11-05T12:00:00-02:00", "04T01:00-02:00 05T00:00-02:00"},
		{"Sao Paulo's last hour twice", "America/Sao_Paulo", "30 23 * * *", "2018-02-17T12:00:00-02:00", "2018-02-18T12:00:00-03:00", "17T23:30-02:00"},
		{"Sao Paulo's last hour twice, hourly", "America/Sao_Paulo", "@hourly", "2018-02-17T22:30:00-02:00", "2018-02-18T00:30:00-03:00", "17T23:00-02:00 17T23:00-03:00 18T00:00-03:00"},
		{"Cairo has no midnight", "Africa/Cairo", "0 0 * * 5", "2026-04-23T12:00:00+02:00", "2026-05-01T12:00:00+03:00", "24T01:00+03:00 01T00:00+03:00"},
		// 30 December 2011 never was. The daemon takes a jump of a day for a
		// clock set by hand and drops the times between; here they are not lost.
		{"Apia's skipped day", "Pacific/Apia", "0 12 * * *", "2011-12-28T18:00:00-10:00", "2011-12-31T18:00:00+14:00", "29T12:00-10:00 31T00:00+14:00 31T12:00+14:00"},
		{"Apia's skipped day, wildcard", "Pacific/Apia", "0 */12 * * *", "2011-12-29T06:00:00-10:00", "2011-12-31T18:00:00+14:00", "29T12:00-10:00 31T00:00+14:00 31T12:00+14:00"},
		// For good: Pyongyang +08:30 → +09:00 at 23:30 on 4 May 2018, Istanbul stays at +03.
		{"Pyongyang forward for good", "Asia/Pyongyang", "45 23 * * *", "2018-05-04T12:00:00+08:30", "2018-05-05T23:59:00+09:00", "05T00:00+09:00 05T23:45+09:00"},
		{"Istanbul no longer changes", "Europe/Istanbul", "30 3 * * *", "2026-10-24T12:00:00+03:00", "2026-10-26T12:00:00+03:00", "25T03:30+03:00 26T03:30+03:00"},
		{"Moscow back for good", "Europe/Moscow", "30 1 * * *", "2014-10-25T12:00:00+04:00", "2014-10-27T12:00:00+03:00", "26T01:30+04:00 27T01:30+03:00"},
		{"31 December of a leap year past the tables", "Europe/Berlin", "0 3 * * *", "2048-12-30T12:00:00+01:00", "2049-01-01T12:00:00+01:00", "31T03:00+01:00 01T03:00+01:00"},
		{"@every knows no clock", "Europe/Berlin", "@every 1h", "2026-03-29T01:30:00+01:00", "2026-03-29T05:00:00+02:00", "29T03:00+02:00 29T04:00+02:00 29T05:00+02:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			loc, err := time.LoadLocation(c.zone)
			require.NoError(t, err)
			fires := walked(parsed(t, c.expr, loc), instant(t, c.from), instant(t, c.to))
			got := make([]string, len(fires))
			for i, f := range fires {
				got[i] = time.Unix(f, 0).In(loc).Format("02T15:04Z07:00")
			}
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

func instant(t *testing.T, s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}

func TestNextSeconds(t *testing.T) {
	s, err := Parse("*/20 30 2 * * *", Options{Seconds: true, Location: parsedZone(t, "Europe/Berlin")})
	require.NoError(t, err)
	fires := walked(s, instant(t, "2026-03-28T00:00:00+01:00"), instant(t, "2026-03-29T12:00:00+02:00"))
	require.Equal(t, []string{
		"2026-03-28T02:30:00+01:00", "2026-03-28T02:30:20+01:00", "2026-03-28T02:30:40+01:00",
		"2026-03-29T03:00:00+02:00",
	}, readable(fires, s.Location()))
}

func parsedZone(t *testing.T, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func TestNextEnds(t *testing.T) {
	daily := parsed(t, "@daily", nil)
	_, ok := daily.Next(time.Date(9999, 12, 31, 12, 0, 0, 0, time.UTC))
	require.False(t, ok)
	_, ok = daily.Next(time.Unix(1<<60, 0))
	require.False(t, ok)
	first, ok := daily.Next(time.Unix(-1<<60, 0))
	require.True(t, ok)
	require.Equal(t, "0001-01-02", first.Format(time.DateOnly))

	at := parsed(t, "@at 2026-12-31T23:00:00Z", nil)
	due, ok := at.Next(instant(t, "2026-12-31T22:59:59Z"))
	require.True(t, ok)
	_, ok = at.Next(due)
	require.False(t, ok)

	half, ok := parsed(t, "* * * * *", nil).Next(time.Unix(59, 999_999_999))
	require.True(t, ok)
	require.Equal(t, int64(60), half.Unix())

	before, ok := parsed(t, "@every 90s", nil).Next(time.Unix(-100, 0))
	require.True(t, ok)
	require.Equal(t, int64(-90), before.Unix())
}

// TestRareDates: the longest waits of the calendar, over 2100 too.
func TestRareDates(t *testing.T) {
	for expr, want := range map[string]string{
		"0 0 29 2 *":    "2104-02-29",
		"0 0 * 2 1#5":   "2112-02-29",
		"0 0 */28 2 1":  "2100-02-01",
		"0 0 29W 2 */5": "2104-02-29",
	} {
		next, ok := parsed(t, expr, nil).Next(time.Date(2097, 3, 1, 0, 0, 0, 0, time.UTC))
		require.True(t, ok)
		require.Equal(t, want, next.Format(time.DateOnly), expr)
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	loc := parsedZone(t, "America/New_York")
	for _, expr := range []string{"* * * * *", "30 2 * * 1-5", "0 0 LW * 5L", "@every 90s"} {
		s := parsed(t, expr, loc)
		after := time.Date(2045, 3, 12, 0, 0, 0, 0, loc)
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Next(after) }), expr)
	}
}

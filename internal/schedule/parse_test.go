package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCanonical(t *testing.T) {
	for expr, want := range map[string]string{
		"* * * * *":                     "* * * * *",
		" 05\t3  *  * * ":               "5 3 * * *",
		"*/60 */24 * * *":               "*/60 */24 * * *",
		"5,1,3-4,3 * * * *":             "1,3-5 * * * *",
		"7-52/15 * * * *":               "7-52/15 * * * *",
		"0-59 * * * *":                  "0-59 * * * *", // no star: fixed, unlike *
		"3,* * * * *":                   "0-59 * * * *",
		"*/20,5 * * * *":                "*/20,5 * * * *",
		"0 0 * JAN-mar,Dec mon":         "0 0 * 1-3,12 1",
		"0 0 * * 7":                     "0 0 * * 0",
		"0 0 * * 5-7":                   "0 0 * * 0,5,6",
		"0 0 * * fri-sun":               "0 0 * * 0,5,6",
		"0 0 * * */7":                   "0 0 * * */7",
		"0 0 ? * ?":                     "0 0 * * *",
		"0 0 lw,l,15w,L-3 * *":          "0 0 15W,L,L-3,LW * *",
		"0 0 * * fri#3,7l,2#1":          "0 0 * * 2#1,5#3,0L",
		"0 0 * * 5,5#3":                 "0 0 * * 5",
		"@hourly":                       "0 * * * *",
		"@Midnight":                     "0 0 * * *",
		"@weekly":                       "0 0 * * 0",
		"@annually":                     "0 0 1 1 *",
		"@every 90s":                    "@every 1m30s",
		"@at 2027-01-01T01:00:00+02:00": "@at 2026-12-31T23:00:00Z",
	} {
		s, err := Parse(expr, Options{})
		require.NoError(t, err, expr)
		require.Equal(t, want, s.String(), expr)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		expr     string
		pos, len int
		want     string
	}{
		{"", 0, 0, "empty"},
		{"   ", 0, 3, "empty"},
		{"* * *", 5, 0, "5 fields, this has 3"},
		{"*/10 * * * * *", 13, 1, "seconds: true"},
		{"0 0 3 * * *", 10, 1, "leave the 0 out"},
		{"0 3 * * * root", 10, 4, "give them to the job"},
		{"61 * * * *", 0, 2, "0 to 59"},
		{"* 24 * * *", 2, 2, "out of range for the hour"},
		{"0 0 0 * *", 4, 1, "1 to 31"},
		{"0 0 * 13 *", 6, 2, "jan to dec"},
		{"0 0 * * 8", 8, 1, "0 to 7"},
		{"0 22-2 * * *", 2, 4, "22-23,0-2"},
		{"0 0 * * fri-tue", 8, 7, "5-6,0-2"},
		{"0 0 * nov-feb *", 6, 7, "11-12,1-2"},
		{"0 0 * * Mno", 8, 3, "did you mean mon?"},
		{"0 0 * * monday", 8, 6, "write mon"},
		{"5/15 * * * *", 0, 4, "5-59/15"},
		{"*/90 * * * *", 2, 2, "@every"},
		{"*/0 * * * *", 2, 1, "not a step"},
		{"/5 * * * *", 0, 2, "write */n"},
		{"1,,2 * * * *", 2, 0, "extra comma"},
		{"1, * * * *", 2, 0, "extra comma"},
		{"-5 * * * *", 0, 0, "missing"},
		{"*5 * * * *", 0, 2, "not a minute"},
		{"1-2-3 * * * *", 2, 3, "not a minute"},
		{"99999999999 * * * *", 0, 11, "not a minute"},
		{"? * * * *", 0, 1, "write *"},
		{"0 0 30 2 *", 4, 6, "no date ever matches"},
		{"0 0 31 4,6,9,11 *", 4, 13, "no date ever matches"},
		{"0 0 32W * *", 4, 3, "15W"},
		{"0 0 * * 5#6", 8, 3, "third Friday"},
		{"0 0 * * L", 8, 1, "Saturday"},
		{"H(5-2) * * * *", 0, 6, "backwards"},
		{"H5 * * * *", 0, 2, "H(0-29)"},
		{"~/5 * * * *", 0, 3, "H/15"},
		{"@dayly", 0, 6, "did you mean @daily?"},
		{"@reboot", 0, 7, "belfry run"},
		{"@daily 5", 7, 1, "remove it"},
		{"@every 5", 7, 1, "90s"},
		{"@every 1500ms", 7, 6, "whole seconds"},
		{"@every 0s", 7, 2, "from 1s"},
		{"@every", 6, 0, "needs an interval"},
		{"@at 2026-12-31 23:00", 0, 20, "write @at 2026-12-31T23:00:00Z"},
		{"@at 2026-12-31T23:00:00Z x", 25, 1, "unexpected text"},
		{"@at 2026-12-31T23:00:00", 0, 23, "RFC 3339"},
		{"* * * * \u00a0*", 8, 3, "not a day of week"},
		{strings.Repeat("1,", 600) + "1 * * * *", 1024, 185, "longer than"},
	} {
		_, err := Parse(c.expr, Options{})
		var e *Error
		require.ErrorAs(t, err, &e, c.expr)
		require.Contains(t, e.Error(), c.want, c.expr)
		require.NotContains(t, e.Error(), "\n")
		require.Equal(t, [2]int{c.pos, c.len}, [2]int{e.Pos, e.Len}, "%q: %v", c.expr, e)
	}
}

func TestDialects(t *testing.T) {
	for expr, want := range map[string]string{
		"0 0 12 ? * 2-6":            "write 0 12 * * 1-5",
		"0 0 12 ? * MON-FRI *":      "write 0 12 * * MON-FRI",
		"0 0/15 8 1W * ? *":         "write */15 8 1W * *",
		"0 5/20 8 ? * 6#3":          "write 5-59/20 8 * * 5#3",
		"0 15 10 ? * 6L *":          "write 15 10 * * 5L",
		"0 15 10 ? * 6#3 2027":      "no field for the year",
		"30 15 10 ? * 6#3":          "seconds: true",
		"0 0 0 1 * 2 *":             "joins them by or",
		"cron(0 10 * * ? *)":        "write 0 10 * * *",
		"cron(15 12 ? * 2-6 *)":     "write 15 12 * * 1-5",
		"rate(5 minutes)":           "write @every 5m",
		"rate(1 day)":               "write @every 24h",
		"rate(often)":               "five fields",
		"Mon..Fri *-*-* 10:00:00":   "write 0 10 * * mon-fri",
		"Monday *-*-* 10:00":        "write 0 10 * * mon",
		"*-*-* 02:30":               "write 30 2 * * *",
		"*-*-01..07 06:00":          "write 0 6 1-7 * *",
		"Sat *-*-1..7 18:00:00":     "write 0 18 * * sat#1",
		"Sat,Sun *-*-1..7 18:00":    "must both match",
		"*:0/15":                    "write */15 * * * *",
		"2027-01-01 00:00":          "write @at 2027-01-01T00:00:00Z",
		"*-*-* 04:00:30":            "seconds: true",
		"*-*-* 04:00 Europe/Berlin": "job's timezone",
		"daily":                     "write @daily",
		"weekly":                    "write 0 0 * * 1",
		"quarterly":                 "write 0 0 1 1,4,7,10 *",
		"CRON_TZ=UTC 0 3 * * *":     `timezone: "UTC"`,
	} {
		_, err := Parse(expr, Options{})
		require.ErrorContains(t, err, want, expr)
		if _, translation, ok := strings.Cut(err.Error(), "write "); ok {
			_, err := Parse(translation, Options{})
			require.NoError(t, err, expr)
		}
	}
}

func TestSecondsField(t *testing.T) {
	six, err := Parse("*/10 * * * * *", Options{Seconds: true})
	require.NoError(t, err)
	require.Equal(t, "*/10 * * * * *", six.String())
	five, err := Parse("30 2 * * *", Options{Seconds: true})
	require.NoError(t, err)
	zero, err := Parse("0 30 2 * * *", Options{Seconds: true})
	require.NoError(t, err)
	require.Equal(t, five, zero)
	_, err = Parse("* * * * * * *", Options{Seconds: true})
	var e *Error
	require.ErrorAs(t, err, &e)
}

// TestHashed pins the values of a key: they are promised to stay.
func TestHashed(t *testing.T) {
	for _, c := range []struct{ key, expr, want string }{
		{"backup", "H H * * *", "54 4 * * *"},
		{"report", "H H * * *", "25 9 * * *"},
		{"backup", "H/15 * * * *", "9-54/15 * * * *"},
		{"backup", "H(0-29)/10 H(1-5) H H H", "4-24/10 5 23 5 5"},
		{"backup", "~ 0~6 10~ * ~3", "54 3 27 * 0"},
		{"", "H,H * * * *", "11,12 * * * *"},
	} {
		s, err := Parse(c.expr, Options{Key: c.key})
		require.NoError(t, err)
		require.Equal(t, c.want, s.String(), "%s: %s", c.key, c.expr)
	}
}

// TestHashedSpreads: a thousand names fill all minutes, about evenly, and the
// minute says nothing about the hour.
func TestHashedSpreads(t *testing.T) {
	minutes, same := map[int]int{}, 0
	for i := range 6000 {
		s, err := Parse("H H * * *", Options{Key: "job-" + time.Unix(int64(i), 0).UTC().Format("150405")})
		require.NoError(t, err)
		next, _ := s.Next(time.Unix(0, 0))
		minutes[next.Minute()]++
		if next.Minute()%24 == next.Hour() {
			same++
		}
	}
	require.Len(t, minutes, 60)
	for m, n := range minutes {
		require.InDelta(t, 100, n, 45, "minute %d", m)
	}
	require.InDelta(t, 250, same, 80)
}

func TestDescribe(t *testing.T) {
	for expr, want := range map[string]string{
		"* * * * *":                "every minute",
		"*/5 * * * *":              "every 5 minutes",
		"*/7 * * * *":              "minute */7",
		"0 * * * *":                "every hour at minute 0",
		"30 2 * * 1-5":             "at 02:30 on Monday to Friday",
		"0 0 1,15 */6 *":           "at 00:00 on day 1,15 of the month in January, July",
		"0 0 13 * 5":               "at 00:00 on day 13 of the month or on Friday",
		"0 0 */2 * 1":              "at 00:00 on day */2 of the month if it is Monday",
		"0 0 L,LW * *":             "at 00:00 on the last day or the last weekday of the month",
		"0 0 15W * 5#3":            "at 00:00 on the weekday nearest day 15 of the month or on the third Friday",
		"0 0 L-2 * *":              "at 00:00 on 2 days before the last of the month",
		"*/10 8-17 * * 5L":         "every 10 minutes of hour 8-17 on the last Friday",
		"@every 90s":               "every 1m30s",
		"@at 2027-01-01T00:00:00Z": "once, at 2027-01-01T00:00:00Z",
	} {
		s, err := Parse(expr, Options{})
		require.NoError(t, err, expr)
		require.Equal(t, want, s.Describe(), expr)
	}
}

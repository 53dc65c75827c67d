package schedule

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSlips: what people write, and what they are told to.
func TestSlips(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for expr, want := range map[string]string{
		"0 0 * * 7-4":               "write 0-4",
		"0 0 * * 6-2":               "write 6,0-2",
		"0 0 * 11-2 *":              "write 11-12,1-2",
		"at(2026-12-31T23:00:00)":   "write @at 2026-12-31T23:00:00+01:00",
		"2026-12-31T23:00:00Z":      "write @at 2026-12-31T23:00:00Z",
		"2026-12-31T23:00":          "write @at 2026-12-31T23:00:00+01:00",
		"@at 2026-12-31 23:00":      "write @at 2026-12-31T23:00:00+01:00",
		"@at 2026-12-31 23:00:00Z":  "write @at 2026-12-31T23:00:00Z",
		"9:30 * * * *":              "write 30 9 * * *",
		"09:05 * * mon-fri":         "write 5 9 * * mon-fri",
		"0 9 * * * # every morning": "write 0 9 * * *",
		"@daily # at night":         "write @daily",
		"0 9 * * MON - FRI":         "write 0 9 * * MON-FRI",
		"0 9 * * mon, wed":          "write 0 9 * * mon,wed",
		"0 9, 17 * * *":             "write 0 9,17 * * *",
		"0 9 * * mon;wed":           "write 0 9 * * mon,wed",
		"0 9 * * mon-fri#1":         "write mon#1,tue#1,wed#1,thu#1,fri#1",
		"0 9 * * Monday-Friday":     "write 0 9 * * mon-fri",
		"0 9 * january monday":      "write 0 9 * jan mon",
		"0 9 * * monday":            "write mon",
		"@every 5 minutes":          "write @every 5m",
		"@every 1 hour 30 minutes":  "write @every 1h30m",
		"@every 2d":                 "write @every 48h",
		"@every minute":             "write @every 1m",
		"rate(5 minutes)":           "write @every 5m",
		"Mon..Fri 09:30":            "write 30 9 * * mon-fri",
		"0 0 12 ? * 2-6":            "write 0 12 * * 1-5",
		"0 0 12 ? * 7-2":            "write 0 12 * * 6-sat,sun-1",
		"0 0 12 ? * FRI-MON":        "write 0 12 * * FRI-sat,sun-MON",
		"0 0 12 31 12 ? 2026":       "write @at 2026-12-31T12:00:00+01:00",
		"cron(30 9 1 1 ? 2027)":     "write @at 2027-01-01T09:30:00+01:00",
		"0 0 12 ? * 2 2026":         "; @at names one instant",
		"0 0 12 31W 4 ?":            "here it would be 0 12 31W 4 *, and no date ever matches this day and month",
		"cron(0 10 ? * 6-2 *)":      "write 0 10 * * 5-sat,sun-1",
		"cron(0 9 * * 1-5)":         "write 0 9 * * 1-5",
		"0 10 * * ? *":              "write 0 10 * * *",
		"0 10 ? * MON-FRI *":        "write 0 10 * * MON-FRI",
		"rate(0 minutes)":           "and \"0m\" is not an interval Belfry can keep",
		"Sat..Mon *-*-* 10:00:00":   "write 0 10 * * sat-sat,sun-mon",
		"12:00 mon-fri":             "write 0 12 * * mon-fri",
		"0 9 * * 1..5":              "write 0 9 * * 1-5",
		"0 9 * * mon–fri":           "write 0 9 * * mon-fri",
		"0 9:30 * * *":              "",
		"0 9 * * mon #1":            "write 0 9 * * mon#1",
		"0 9 * * mon # 1":           "write 0 9 * * mon#1",
		"0 9 * * mon #1 of them":    "write 0 9 * * mon",
		"0 9 * * mon-fri#9":         "list the days: mon#1,tue#1",
		"0 22 - 2 * * *":            "and nothing after them",
		"0 9 * * * root ls":         "give them to the job",
		"0 0 * * 7/2":               "write 0-6/2",
		"0 0 * * mon/3":             "write mon-6/3",
		"5/15 * * * *":              "write 5-59/15",
		"0 0 31W 2,4 *":             "LW is the last day from Monday to Friday of any month",
		"OnCalendar":                "",
		"mon-fri":                   "",
		"@every 5 fortnights":       "",
	} {
		_, err := Parse(expr, Options{Location: berlin})
		var wrong *Error
		require.ErrorAs(t, err, &wrong, expr)
		if want == "" {
			require.NotContains(t, wrong.Hint, "write ", expr)
			continue
		}
		require.True(t, strings.HasSuffix(wrong.Hint, want), "%s: %s", expr, wrong.Hint)
		accepted(t, expr, wrong, Options{Location: berlin})
	}
}

// accepted parses what a hint says to write: a whole expression, or what is to
// stand in the place of what is wrong.
func accepted(t require.TestingT, expr string, wrong *Error, o Options) {
	_, write, found := strings.Cut(wrong.Hint, "write ")
	if !found || strings.HasPrefix(write, "the one value") || strings.HasPrefix(write, "*/n") || strings.HasPrefix(write, "the day") {
		return
	}
	if !strings.ContainsAny(write, " @") {
		write = expr[:wrong.Pos] + write + expr[wrong.Pos+wrong.Len:]
	}
	_, err := Parse(write, o)
	require.NoError(t, err, "%q: %s", expr, wrong)
}

// TestHintsAreAccepted, whatever single thing is wrong.
func TestHintsAreAccepted(t *testing.T) {
	day := rapid.SampledFrom([]string{"0", "3", "7", "mon", "FRI", "*", "?", "L", "5L", "mon#2", "8"})
	mark := rapid.SampledFrom([]string{"-", " - ", ", ", ";", ",", "#", "/", "..", "|", ""})
	number := rapid.IntRange(0, 32)
	hinted := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		expr := "0 9 * * "
		o := Options{}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			expr += day.Draw(t, "a") + mark.Draw(t, "mark") + day.Draw(t, "b")
		case 1:
			expr = rapid.SampledFrom([]string{"9:30 *", "9:30", "? 9", "0 22-2", "*/90 9", "5/15 9", "0 0 9", "9.30"}).Draw(t, "clock") + " * * *"
		case 2:
			expr += "1-5" + rapid.SampledFrom([]string{" # note", " 2026", " root", ",", ";6"}).Draw(t, "tail")
		case 3:
			a, b := number.Draw(t, "from"), number.Draw(t, "to")
			field := rapid.IntRange(0, 4).Draw(t, "field")
			words := strings.Fields("0 0 * * *")
			words[field] = strconv.Itoa(a) + rapid.SampledFrom([]string{"-", "/", "-31/"}).Draw(t, "between") + strconv.Itoa(b)
			expr = strings.Join(words, " ")
		case 4:
			days := day.Draw(t, "a") + mark.Draw(t, "mark") + day.Draw(t, "b")
			expr = rapid.SampledFrom([]string{"0 0 8 ? * %", "30 0 12 ? * % *", "0 0 12 ? 2 % 2027", "cron(0 10 ? * % *)", "0 10 ? * % *", "cron(0 10 * * %)", "% 10:00", "at(%)", "0 9 * * % #2"}).Draw(t, "dialect")
			// AWS has no seconds: with them, two things are wrong.
			o.Seconds = strings.Contains(expr, " ? ") && expr[2] != '1' && rapid.Bool().Draw(t, "seconds")
			expr = strings.ReplaceAll(expr, "%", days)
		}
		if _, err := Parse(expr, o); err != nil {
			var wrong *Error
			require.ErrorAs(t, err, &wrong)
			accepted(t, expr, wrong, o)
			if strings.Contains(wrong.Hint, "write ") {
				hinted[expr] = true
			}
		}
	})
	require.Greater(t, len(hinted), 10)
}

// TestPositionsCountCharacters for people, bytes for programs.
func TestPositionsCountCharacters(t *testing.T) {
	_, err := Parse("ä 61 * * *", Options{})
	require.ErrorContains(t, err, "(character 1)")
	_, err = Parse("0 0 * ü,ö foo", Options{})
	require.ErrorContains(t, err, "(character 7)")
	_, err = Parse("0 0 * * mo\u00f6,61", Options{})
	require.ErrorContains(t, err, "(character 9)")
	_, err = Parse("0 0 * * * ä b c d ü", Options{})
	require.ErrorContains(t, err, "(character 11)")
}

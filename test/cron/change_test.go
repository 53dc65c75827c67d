//go:build linux

package cron

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// change is one move of a zone's clock, and the daemon's run through it.
type change struct {
	zone string
	at   time.Time // the first instant of the new offset
	note string

	loc           *time.Location
	before, after int  // offsets in seconds east of UTC
	slow          bool // its jobs run for longer than the daemon waits
	short         bool // a window without half an hour of lead
	lines         []line
}

// line is one line of the crontab, without its command.
type line struct{ kind, expr string }

// changes are the runs of the suite, in the order of the report.
func changes(t *testing.T) []change {
	t.Helper()
	var out []change
	for _, c := range []struct{ zone, at, note string }{
		{"Europe/Berlin", "2026-03-29T01:00:00Z", ""},
		{"Europe/Berlin", "2026-10-25T01:00:00Z", ""},
		{"America/New_York", "2026-03-08T07:00:00Z", ""},
		{"America/New_York", "2026-11-01T06:00:00Z", ""},
		{"America/St_Johns", "2010-03-14T03:31:00Z", "one minute past midnight"},
		{"America/St_Johns", "2010-11-07T02:31:00Z", "one minute past midnight, back into the day before"},
		{"Australia/Lord_Howe", "2026-10-03T15:30:00Z", "half an hour"},
		{"Australia/Lord_Howe", "2026-04-04T15:00:00Z", "half an hour"},
		{"Africa/Casablanca", "2026-02-15T02:00:00Z", "Ramadan begins; the tz database calls the time within it the daylight saving one"},
		{"Africa/Casablanca", "2026-03-22T02:00:00Z", "Ramadan is over"},
		{"Asia/Gaza", "2026-03-28T00:00:00Z", "on a Saturday"},
		{"Asia/Gaza", "2026-10-23T23:00:00Z", ""},
		{"America/Sao_Paulo", "2018-11-04T03:00:00Z", "the last day there without a midnight"},
		{"America/Sao_Paulo", "2019-02-17T02:00:00Z", "the last one with two last hours"},
		{"Africa/Cairo", "2026-04-23T22:00:00Z", "a day without a midnight"},
		{"Africa/Cairo", "2026-10-29T21:00:00Z", "the day's last hour twice"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "across the date line: Friday the 30th never was"},
		{"Asia/Pyongyang", "2018-05-04T15:00:00Z", "for good, half an hour, with no daylight saving on either side"},
		{"Europe/Moscow", "2014-10-25T22:00:00Z", "for good, with no daylight saving on either side"},
		{"Antarctica/Troll", "2026-03-29T01:00:00Z", "two hours"},
		{"Antarctica/Casey", "2009-10-17T18:00:00Z", "three hours: the daemon's limit"},
		{"Antarctica/Casey", "2010-03-04T15:00:00Z", "three hours back, over midnight"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		require.NoError(t, err)
		ch := newChange(t, c.zone, at)
		ch.note, ch.lines = c.note, ch.everyKind()
		out = append(out, ch)
	}
	return append(out, slowChange(t))
}

// slowChange is a change whose jobs run for so long that the daemon, which
// waits between the skipped times it makes up for, needs more than a minute.
func slowChange(t *testing.T) change {
	t.Helper()
	c := newChange(t, "Europe/Berlin", time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC))
	c.slow, c.note = true, "jobs that run for ten seconds and longer"
	c.lines = []line{
		{"five fixed times", "40,45,50,55,57 2 * * *"},
		{"every minute", "* * * * *"},
		{"one minute of each hour", "59 * * * *"},
		{"fixed time after", "0 3 * * *"},
		{"hourly", "0 * * * *"},
	}
	return c
}

// newLocation reads a zone from the host's tz database, the one the daemon
// uses.
func newLocation(t *testing.T, zone string) *time.Location {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/usr/share/zoneinfo", zone))
	require.NoError(t, err, "install tzdata")
	loc, err := time.LoadLocationFromTZData(zone, data)
	require.NoError(t, err)
	return loc
}

func newChange(t *testing.T, zone string, at time.Time) change {
	t.Helper()
	loc := newLocation(t, zone)
	c := change{zone: zone, at: at, loc: loc}
	_, c.before = at.Add(-time.Second).In(loc).Zone()
	_, c.after = at.In(loc).Zone()
	require.NotEqual(t, c.before, c.after, "the tz database knows no change of %s at %s", zone, at)
	return c
}

func (c change) name() string {
	name := c.zone + " " + c.skipped().Format(time.DateOnly)
	if c.slow {
		name += " slow jobs"
	}
	return name
}

// shift is how far the clock moves; negative is back.
func (c change) shift() time.Duration { return time.Duration(c.after-c.before) * time.Second }

// window is the minutes compared, from excluded: half an hour before the first
// wall clock time that is skipped or repeated, to an hour after the last.
func (c change) window() (from, to time.Time) {
	if c.slow {
		return c.at.Add(-6 * time.Minute), c.at.Add(10 * time.Minute)
	}
	back := max(0, -c.shift())
	if c.short {
		return c.at.Add(-back - 6*time.Minute), c.at.Add(back + 12*time.Minute)
	}
	return c.at.Add(-back - 36*time.Minute), c.at.Add(back + 65*time.Minute)
}

// minutes are those of the window, one by one.
func (c change) minutes() []time.Time {
	from, to := c.window()
	var out []time.Time
	for at := from.Add(time.Minute); !at.After(to); at = at.Add(time.Minute) {
		out = append(out, at)
	}
	return out
}

// skipped is the first wall clock time that is skipped or repeated, as UTC.
func (c change) skipped() time.Time {
	return c.at.Add(time.Duration(min(c.before, c.after)) * time.Second)
}

// everyKind is a crontab with each kind of line around the change.
func (c change) everyKind() []line {
	wall := c.skipped()
	hour, day := wall.Hour(), int(wall.Weekday())
	earlier, later := (hour+23)%24, (hour+1)%24
	low, high := max(0, hour-1), min(23, hour+1)
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	f := fmt.Sprintf
	return []line{
		{"fixed time", f("30 %d * * *", hour)},
		{"fixed time, next hour", f("0 %d * * *", later)},
		{"fixed time, noon", "0 12 * * *"},
		{"list", f("5,25,45 %d * * *", hour)},
		{"list of hours", f("20 %d,%d,%d * * *", earlier, hour, later)},
		{"range", f("10-12 %d * * *", hour)},
		{"range of hours", f("50 %d-%d * * *", low, high)},
		{"full ranges with a step", "0-59/30 0-23 * * *"},
		{"wildcard", "* * * * *"},
		{"wildcard minute, step", "*/20 * * * *"},
		{"wildcard minute, fixed hour", f("*/15 %d * * *", hour)},
		{"wildcard hour", "40 * * * *"},
		{"wildcard hour, step", "40 */2 * * *"},
		{"star within a list", f("35 *,%d * * *", hour)},
		{"day of week", f("15 %d * * %d", hour, day)},
		{"day of week, range", f("15 %d * * 1-5", hour)},
		{"day of week, names", f("55 %d * * %s,%s", hour, names[day], names[(day+1)%7])},
		{"day of month or of week", f("35 %d %d * %d", hour, wall.Day(), (day+3)%7)},
		{"day of month and of week", f("35 %d */2 * %d", hour, day)},
		{"month", f("1 %d %d %d *", hour, wall.Day(), wall.Month())},
		{"macro", "@daily"},
		{"macro", "@hourly"},
		{"macro", "@weekly"},
	}
}

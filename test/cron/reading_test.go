//go:build linux

package cron

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/schedule"
)

// never stands for an expression that is taken and has no due time; refused
// for one that is not taken.
const (
	never   = "never"
	refused = "refused"
)

// reading is an expression that the two sides read differently, and what each
// makes of it: another expression that means the same, never or refused.
type reading struct{ expr, cron, belfry, why string }

func readings() []reading {
	return []reading{
		{"*/90 * * * *", "0 * * * *", refused, "the step is longer than the field"},
		{"1-10/100 * * * *", "1 * * * *", refused, "the step is longer than the field; `1-10/60`, longer than the range alone, is `1` in both"},
		{"0 22-2 * * *", never, refused, "the range ends before it begins"},
		{"0 0 * * fri-sun", never, "0 0 * * 5-7", "cron's `sun` is 0 at both ends of a range"},
		{"0 0 * * sat-sun", never, "0 0 * * 6-7", "as above"},
		{"0 0 30 2 *", never, refused, "there is no such day"},
		{"0~30 * * * *", "0 * * * *", "0-30 * * * *", "cron drops what it does not know behind a number; cronie, and Belfry, draw one minute of the range"},
		{"1-3-5 * * * *", "1-3 * * * *", refused, "what follows a range is dropped"},
		{"*-10 * * * *", "* * * * *", refused, "what follows a star is dropped"},
		{"*/15-30 * * * *", "*/15 * * * *", refused, "what follows a step is dropped"},
		{"0 0 * * 5#3", "0 0 * * 5", "0 0 * * 5#3", "cron drops the `#3` and starts the job each Friday"},
		{"0 0 L * *", refused, "0 0 L * *", "Belfry's own: the last day"},
		{"0 0 15W * *", refused, "0 0 15W * *", "Belfry's own: the nearest weekday"},
		{"0 0 ? * 2", refused, "0 0 * * 2", "Quartz's word for `*`"},
		{"H 0 * * *", refused, "0-59 0 * * *", "Belfry's own: one value by the job's name"},
		{"@every 5m", refused, "@every 5m", "Belfry's own"},
		{"@Daily", refused, "@daily", "cron's macros are lower case"},
		{"*/0 * * * *", refused, refused, ""},
		{"5/15 * * * *", refused, refused, ""},
		{"60 * * * *", refused, refused, ""},
		{"0 0 1,15, * *", refused, refused, ""},
		{"0 0 * * sunday", refused, refused, ""},
	}
}

// TestReadings: what cron takes and Belfry does not, and the other way, and
// what the one that takes it makes of it.
func TestReadings(t *testing.T) {
	opened(t)
	var lines []line
	var page strings.Builder
	page.WriteString("| expression | cron reads | Belfry reads | |\n|---|---|---|---|\n")
	for _, r := range readings() {
		require.Equal(t, r.cron != refused, cronTakes(t, r.expr), "cron, %s", r.expr)
		_, err := schedule.Parse(r.expr, schedule.Options{Key: "j"})
		require.Equal(t, r.belfry != refused, err == nil, "Belfry, %s: %v", r.expr, err)
		if r.cron != refused {
			lines = append(lines, line{r.cron, r.expr})
		}
		if r.why != "" {
			fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", r.expr, quoted(r.cron), r.drawn()+quoted(r.belfry), r.why)
		}
	}
	instants := strides()
	started := newBox(t).steps(t, "UTC", lines, instants, false)
	for i, l := range lines {
		var want []string
		if l.kind != never {
			want = due(t, l.kind, instants)
			require.NotEmpty(t, want, "no instant tells %s from never", l.kind)
		}
		require.Equal(t, want, times(started, i, instants), "cron's reading of %s as %s", l.expr, l.kind)
	}
	for _, r := range readings() {
		if r.belfry == refused {
			continue
		}
		got, want := due(t, r.expr, instants), due(t, r.belfry, instants)
		if r.drawn() != "" {
			require.Subset(t, want, got, r.expr)
			continue
		}
		require.Equal(t, want, got, "Belfry's reading of %s", r.expr)
	}
	publish(t, "readings", page.String())
}

// drawn tells of an expression that stands for one time of several.
func (r reading) drawn() string {
	if strings.ContainsAny(r.expr, "H~") {
		return "one minute of "
	}
	return ""
}

func quoted(expr string) string {
	if expr == never || expr == refused {
		return expr
	}
	return "`" + expr + "`"
}

// cronTakes asks crontab, which reads a table as the daemon does.
func cronTakes(t *testing.T, expr string) bool {
	t.Helper()
	table := filepath.Join(t.TempDir(), "table")
	require.NoError(t, os.WriteFile(table, []byte(expr+" true\n"), 0o600))
	out, err := exec.CommandContext(t.Context(), "crontab", "-n", table).CombinedOutput()
	if err != nil {
		require.Contains(t, string(out), "errors in crontab file", expr)
	}
	return err == nil
}

// strides are an hour and a bit, minute by minute, and then steps of a day and
// an hour over more than a year: the daemon takes each for a clock set by hand
// and looks at that minute alone.
func strides() []time.Time {
	at := time.Date(2027, 1, 1, 0, 1, 0, 0, time.UTC)
	var out []time.Time
	for range 61 {
		out = append(out, at)
		at = at.Add(time.Minute)
	}
	at = at.Truncate(time.Hour)
	for range 600 {
		at = at.Add(25 * time.Hour)
		out = append(out, at)
	}
	return out
}

// midnights are those of two years, 29 February among them.
func midnights() []time.Time {
	var out []time.Time
	for day := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2029; day = day.AddDate(0, 0, 1) {
		out = append(out, day)
	}
	return out
}

func due(t *testing.T, expr string, instants []time.Time) []string {
	t.Helper()
	s, err := schedule.Parse(expr, schedule.Options{Key: "j"})
	require.NoError(t, err)
	var out []string
	for _, at := range instants {
		if next, ok := s.Next(at.Add(-time.Second)); ok && next.Equal(at) {
			out = append(out, at.Format(time.RFC3339))
		}
	}
	return out
}

func times(started fires, n int, instants []time.Time) []string {
	var out []string
	for _, at := range instants {
		for range started[fire{n, at.Unix()}] {
			out = append(out, at.Format(time.RFC3339))
		}
	}
	return out
}

// TestDays compares the day fields on every day of two years.
func TestDays(t *testing.T) {
	opened(t)
	var lines []line
	for _, days := range []string{
		"13 * 5", "13 * */2", "*/2 * 1", "*/7 * 1-5", "*,5 * mon", "1-31 * 3", "1-7 * */7", "31 * *", "29 2 *", "29 2 1",
		"30,31 4,6,12 *", "1 1,4,7,10 *", "1 */5 *", "* jan-mar sat,sun", "* feb 7", "15 aug 0", "* * 5-7", "* * sun-tue",
		"8-14 * 2", "*/10 * */3", "25-31/3 nov *", "* 2-12/5 mon,wed-fri", "1-5,10,20-25/2 * *", "7 jun,sep Thu",
	} {
		lines = append(lines, line{days, "0 0 " + days})
	}
	instants := midnights()
	started := newBox(t).steps(t, "UTC", lines, instants, false)
	for i, l := range lines {
		want := due(t, l.expr, instants)
		require.NotEmpty(t, want, l.expr)
		require.Equal(t, want, times(started, i, instants), l.expr)
	}
	publish(t, "days", fmt.Sprintf("%d lines on %d days, %d starts: %s.\n", len(lines), len(instants), total(started), exprs(lines)))
}

func exprs(lines []line) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = "`" + l.kind + "`"
	}
	return strings.Join(out, ", ")
}

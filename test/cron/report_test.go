//go:build linux

package cron

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const page = "../../docs/cron-conformance.md"

// publish holds a measured part of the page to what has just been measured,
// or with WRITE_REPORT=1 writes it there. Versions are only written: another
// host's are not wrong.
func publish(t *testing.T, part, text string) {
	t.Helper()
	begin, end := "<!-- measured: "+part+" -->\n", "<!-- end of "+part+" -->\n"
	whole, err := os.ReadFile(page)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(whole), begin)
	require.True(t, ok, "%s has no line %q", page, begin)
	old, tail, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no line %q", page, end)
	if os.Getenv("WRITE_REPORT") == "" {
		if part != "versions" {
			require.Equal(t, old, text, "docs/cron-conformance.md does not say what was measured: look, then run with WRITE_REPORT=1")
		}
		return
	}
	require.NoError(t, os.WriteFile(page, []byte(head+begin+text+end+tail), 0o644))
}

// versions are the packages that the results depend on.
func versions(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dpkg-query", "-W", "-f", "| ${Package} | ${Version} |\n", "cron", "libfaketime", "tzdata").Output()
	require.NoError(t, err, "asking dpkg for versions")
	release, err := os.ReadFile("/etc/os-release")
	require.NoError(t, err)
	_, name, _ := strings.Cut(string(release), "PRETTY_NAME=\"")
	name, _, _ = strings.Cut(name, "\"")
	return fmt.Sprintf("| package | version, %s |\n|---|---|\n%s", name, out)
}

// report publishes all changes: a table over them, then one for each.
func report(t *testing.T, results []result) {
	t.Helper()
	var overview, each strings.Builder
	overview.WriteString("| change | clock | starts by cron | due times in Belfry | lines | that differ |\n|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&overview, "| %s | %s | %d | %d | %d | %s |\n",
			r.title(), r.moves(), total(r.daemon), total(r.belfry), len(r.lines), r.differing())
		each.WriteString(r.section())
	}
	publish(t, "versions", versions(t))
	publish(t, "overview", overview.String())
	publish(t, "changes", each.String())
}

func (c change) title() string {
	text := fmt.Sprintf("%s, %s", c.zone, c.skipped().Format("2 January 2006"))
	if c.slow {
		text += ", slow jobs"
	}
	if c.short {
		text += ", free running"
	}
	return text
}

// moves tells what the clock does: 02:00 → 03:00.
func (c change) moves() string {
	from := c.at.In(time.FixedZone("", c.before))
	to := c.at.In(c.loc)
	layout := "15:04"
	if to.Day() != from.Day() {
		layout = "2 Jan 15:04"
	}
	return from.Format(layout) + " → " + to.Format(layout)
}

// differing counts the lines that differ by their reason.
func (r result) differing() string {
	count := map[reason]int{}
	for _, reasons := range r.reasons {
		for _, why := range reasons {
			count[why]++
		}
	}
	var out []string
	for _, why := range []reason{once, nothingLost, unrepeated} {
		if count[why] > 0 {
			out = append(out, fmt.Sprintf("%d ([%s](#%s))", count[why], why, why.anchor()))
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

func (why reason) anchor() string {
	switch why {
	case once:
		return "a-several-times-in-one-gap"
	case nothingLost:
		return "b-three-hours-and-more"
	case unrepeated:
		return "c-jobs-that-hold-up-the-daemon"
	}
	return ""
}

// section is one change: all times of its window, on both sides.
func (r result) section() string {
	var out strings.Builder
	fmt.Fprintf(&out, "### %s\n\n%s, UTC%s → UTC%s", r.title(), r.moves(), offset(r.before), offset(r.after))
	if r.note != "" {
		fmt.Fprintf(&out, "; %s", r.note)
	}
	from, to := r.window()
	fmt.Fprintf(&out, ". Compared from %s to %s.\n\n| line | | cron | Belfry | |\n|---|---|---|---|---|\n",
		from.Add(time.Minute).In(r.loc).Format("2 Jan 15:04"), to.In(r.loc).Format("2 Jan 15:04"))
	for i, l := range r.lines {
		daemon, belfry := r.times(r.daemon, i), r.times(r.belfry, i)
		mark := ""
		for _, why := range r.reasons[i] {
			mark += fmt.Sprintf("[%s](#%s)", why, why.anchor())
		}
		if daemon == belfry {
			belfry = "same"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", l.expr, l.kind, daemon, belfry, mark)
	}
	out.WriteString("\n")
	return out.String()
}

func offset(seconds int) string {
	return time.Unix(0, 0).In(time.FixedZone("", seconds)).Format("-07:00")
}

// times are the starts of one line as the wall clock read, with a stroke where
// it was moved; runs of minutes are drawn together.
func (r result) times(f fires, n int) string {
	var minutes []int64
	for at := range f {
		if at.line == n {
			minutes = append(minutes, at.minute)
		}
	}
	if len(minutes) == 0 {
		return "—"
	}
	slices.Sort(minutes)
	var before, after []string
	for len(minutes) > 0 {
		count := f[fire{n, minutes[0]}]
		run := 1
		for run < len(minutes) && minutes[run] == minutes[0]+int64(run)*60 && minutes[run] != r.at.Unix() && f[fire{n, minutes[run]}] == count {
			run++
		}
		text := r.clock(minutes[0])
		if run > 2 {
			text += "–" + r.clock(minutes[run-1])
		} else {
			run = 1
		}
		if count > 1 {
			text += fmt.Sprintf(" ×%d", count)
		}
		if minutes[0] < r.at.Unix() {
			before = append(before, text)
		} else {
			after = append(after, text)
		}
		minutes = minutes[run:]
	}
	return strings.TrimSpace(strings.Join(before, ", ") + " ∥ " + strings.Join(after, ", "))
}

func (r result) clock(at int64) string { return time.Unix(at, 0).In(r.loc).Format("15:04") }

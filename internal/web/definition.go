package web

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
)

// definitionText is a job as a job file with the fields that differ from the
// defaults.
func definitionText(j job.Job) string {
	var b strings.Builder
	top := yaml.MapSlice{}
	if calendars := calendarItems(j); len(calendars) > 0 {
		top = append(top, yaml.MapItem{Key: "calendars", Value: calendars})
	}
	top = append(top, yaml.MapItem{Key: "jobs", Value: []yaml.MapSlice{jobItems(j)}})
	text, err := yaml.MarshalWithOptions(top, yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return "# This definition cannot be written as a job file: " + err.Error() + "\n"
	}
	b.Write(bytes.TrimRight(text, "\n"))
	b.WriteString("\n")
	return b.String()
}

// writer collects the fields that are not at their defaults.
type itemWriter struct{ items yaml.MapSlice }

func (w *itemWriter) add(field string, value any) {
	w.items = append(w.items, yaml.MapItem{Key: field, Value: value})
}

func (w *itemWriter) text(field, value, def string) {
	if value != def {
		w.add(field, value)
	}
}

func (w *itemWriter) flag(field string, value bool) {
	if value {
		w.add(field, true)
	}
}

func (w *itemWriter) number(field string, value int) {
	if value != 0 {
		w.add(field, value)
	}
}

func (w *itemWriter) duration(field string, d, def time.Duration) {
	if d != def {
		w.add(field, durationText(d))
	}
}

func (w *itemWriter) texts(field string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	items := yaml.MapSlice{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		items = append(items, yaml.MapItem{Key: key, Value: values[key]})
	}
	w.add(field, items)
}

func jobItems(j job.Job) yaml.MapSlice {
	d := job.Default()
	w := &itemWriter{}
	w.add("name", j.Name)
	w.text("description", j.Description, "")
	w.text("schedule", j.Schedule, "")
	w.flag("seconds", j.Seconds)
	w.text("timezone", j.Timezone, d.Timezone)
	w.text("cluster", j.Cluster, "")
	switch {
	case len(j.Command) == 3 && j.Command[0] == "/bin/sh" && j.Command[1] == "-c":
		w.add("command", j.Command[2])
	default:
		w.add("command", j.Command)
	}
	w.text("stdin", j.Stdin, "")
	w.texts("env", j.Env)
	w.text("working_dir", j.WorkingDir, "")
	w.text("user", j.User, "")
	w.flag("linger", j.Linger)
	w.duration("timeout", j.Timeout, 0)
	w.number("retries", j.Retries)
	w.backoff(j.RetryBackoff, d.RetryBackoff)
	w.text("overlap", string(j.Overlap), string(d.Overlap))
	if j.CatchUp != d.CatchUp {
		catchUp := yaml.MapSlice{{Key: "policy", Value: string(j.CatchUp.Policy)}}
		if j.CatchUp.Window != 0 {
			catchUp = append(catchUp, yaml.MapItem{Key: "window", Value: durationText(j.CatchUp.Window)})
		}
		w.add("catch_up", catchUp)
	}
	w.number("max_unfinished", j.MaxUnfinished)
	w.duration("start_deadline", j.StartDeadline, 0)
	w.duration("jitter", j.Jitter, 0)
	onLost := job.LostFail
	if j.Retries > 0 {
		onLost = job.LostRetry
	}
	w.text("on_lost", string(j.OnLost), string(onLost))
	w.text("on_announced", string(j.OnAnnounced), "")
	w.texts("labels", j.Labels)
	w.flag("paused", j.Paused)
	w.calendars("only_on", j.OnlyOn)
	w.calendars("except_on", j.ExceptOn)
	w.blackouts(j.Blackouts)
	w.notices(j.Notify)
	w.duration("expect_success_within", j.ExpectSuccessWithin, 0)
	w.text("done_by", j.DoneBy, "")
	return w.items
}

func (w *itemWriter) backoff(b, def job.Backoff) {
	if b == def {
		return
	}
	inner := &itemWriter{}
	inner.duration("initial", b.Initial, def.Initial)
	if b.Factor != def.Factor {
		inner.add("factor", b.Factor)
	}
	inner.duration("max", b.Max, def.Max)
	if b.Jitter != def.Jitter {
		inner.add("jitter", b.Jitter)
	}
	w.add("retry_backoff", inner.items)
}

func (w *itemWriter) calendars(field string, calendars []job.Calendar) {
	if len(calendars) == 0 {
		return
	}
	names := make([]string, 0, len(calendars))
	for _, c := range calendars {
		names = append(names, c.Name)
	}
	w.add(field, names)
}

func (w *itemWriter) blackouts(all []job.Blackout) {
	items := make([]yaml.MapSlice, 0, len(all))
	for _, b := range all {
		inner := &itemWriter{}
		inner.add("name", b.Name)
		if !b.From.IsZero() {
			inner.add("from", b.From.Format(time.RFC3339))
		}
		if !b.To.IsZero() {
			inner.add("to", b.To.Format(time.RFC3339))
		}
		inner.text("weekly", b.Weekly, "")
		inner.text("timezone", b.Timezone, "")
		items = append(items, inner.items)
	}
	if len(items) > 0 {
		w.add("blackouts", items)
	}
}

func (w *itemWriter) notices(rules []job.Notify) {
	items := make([]yaml.MapSlice, 0, len(rules))
	for _, r := range rules {
		inner := &itemWriter{}
		inner.add("when", r.When)
		inner.add("to", r.To)
		inner.duration("every", r.Every, 0)
		inner.duration("late_after", r.LateAfter, 0)
		inner.number("in_a_row", r.InARow)
		items = append(items, inner.items)
	}
	if len(items) > 0 {
		w.add("notify", items)
	}
}

// calendarItems are the calendars that a job carries, as a file defines them.
func calendarItems(j job.Job) yaml.MapSlice {
	items := yaml.MapSlice{}
	seen := map[string]bool{}
	for _, c := range slices.Concat(j.OnlyOn, j.ExceptOn) {
		if seen[c.Name] {
			continue
		}
		seen[c.Name] = true
		var days []any
		for d := range strings.FieldsSeq(c.Days) {
			days = append(days, d)
		}
		for _, r := range c.Rules {
			rule := yaml.MapSlice{{Key: "rrule", Value: r.RRule}}
			if r.From != "" {
				rule = append(rule, yaml.MapItem{Key: "from", Value: r.From})
			}
			if r.Except != "" {
				rule = append(rule, yaml.MapItem{Key: "except", Value: strings.Fields(r.Except)})
			}
			days = append(days, rule)
		}
		items = append(items, yaml.MapItem{Key: c.Name, Value: days})
	}
	return items
}

// durationText writes a duration as job files do: 90s, 1h30m, 7d.
func durationText(d time.Duration) string {
	var b strings.Builder
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.unit; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
			d %= u.unit
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// diffLine is a line of a difference between two definitions.
type diffLine struct {
	Class string // "add", "del" or empty
	Text  string
}

// diffOf compares a version with the one before it.
func diffOf(definitions []history.Definition, version string) []diffLine {
	for i, d := range definitions {
		if d.Version != version || d.Removed {
			continue
		}
		before := ""
		if older := lastDefinition(definitions[i+1:]); older.Version != "" {
			before = definitionText(older.Job.Job)
		}
		return diffLines(before, definitionText(d.Job.Job))
	}
	return nil
}

// maxDiffLines bounds the lines that are compared one with each other.
const maxDiffLines = 2000

// diffLines compares two texts by the longest common subsequence of their lines.
func diffLines(before, after string) []diffLine {
	a, b := lines(before), lines(after)
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i, line := range slices.Backward(a) {
		for k, other := range slices.Backward(b) {
			if line == other {
				common[i][k] = common[i+1][k+1] + 1
			} else {
				common[i][k] = max(common[i+1][k], common[i][k+1])
			}
		}
	}
	var out []diffLine
	i, k := 0, 0
	for i < len(a) || k < len(b) {
		switch {
		case i < len(a) && k < len(b) && a[i] == b[k]:
			out = append(out, diffLine{"", visible(a[i])})
			i, k = i+1, k+1
		case i < len(a) && (k == len(b) || common[i+1][k] >= common[i][k+1]):
			out = append(out, diffLine{"del", visible(a[i])})
			i++
		default:
			out = append(out, diffLine{"add", visible(b[k])})
			k++
		}
	}
	return out
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(all) > maxDiffLines {
		left := len(all) - maxDiffLines
		all = append(all[:maxDiffLines:maxDiffLines], fmt.Sprintf("… %s more", counted(left, "line")))
	}
	return all
}

// visible shows what would be invisible, or would move other text, by its
// number.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r != '\t' && r != '\n' && unicode.Is(unicode.C, r) {
			fmt.Fprintf(&b, "\\u{%X}", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

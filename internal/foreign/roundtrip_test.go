package foreign_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/foreign"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/schedule"
)

// fires are the next due times of an expression, in two winters' worth of
// clock changes.
func fires(t require.TestingT, expression, zone string) []time.Time {
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	s, err := schedule.Parse(expression, schedule.Options{Location: location})
	require.NoError(t, err, expression)
	var out []time.Time
	for _, from := range []string{"2026-01-01T00:00:00Z", "2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"} {
		at, err := time.Parse(time.RFC3339, from)
		require.NoError(t, err)
		for range 200 {
			next, ok := s.Next(at)
			if !ok {
				break
			}
			out = append(out, next.UTC())
			at = next
		}
	}
	return out
}

// TestTablesFireAsBefore holds every line of the samples that names an hour
// or a minute against the schedule it had in its table: nothing of foreign
// is asked when that is due.
func TestTablesFireAsBefore(t *testing.T) {
	const zone = "Europe/Berlin"
	checked := 0
	for _, name := range []string{"debian", "anacron", "user"} {
		for _, input := range inputs(t, filepath.Join("testdata/golden", name)) {
			table, err := foreign.Read(files(input), foreign.Options{Zone: zone})
			require.NoError(t, err)
			jobs := requireSameJobs(t, table)
			for _, e := range table.Entries {
				if e.Job == nil || strings.Contains(e.From, "anacrontab") || e.Job.Timezone != zone || strings.ContainsAny(e.Job.Schedule, "~") {
					continue
				}
				line := lineAt(files(input), e.From)
				if line == "" {
					continue // a script
				}
				fields := strings.Fields(strings.TrimPrefix(line, "-"))
				was := strings.Join(fields[:1], " ")
				if was[0] != '@' {
					was = strings.ReplaceAll(strings.Join(fields[:5], " "), "*/90", "*/60")
				}
				checked++
				require.Equal(t, fires(t, was, zone), fires(t, scheduleOf(jobs, e.Job.Name), zone), line)
			}
		}
	}
	require.Greater(t, checked, 15)
}

func scheduleOf(jobs []job.Job, name string) string {
	for _, j := range jobs {
		if j.Name == name {
			return j.Schedule
		}
	}
	return ""
}

// inputs are those of all commands of a golden file.
func inputs(t *testing.T, path string) []string {
	var out []string
	_, err := os.Stat(path)
	require.NoError(t, err)
	datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string {
		out = append(out, d.Input)
		return d.Expected
	})
	return out
}

func lineAt(all []foreign.File, from string) string {
	name, number, found := strings.Cut(from, ":")
	if !found {
		return ""
	}
	for _, f := range all {
		if f.Name == name {
			var n int
			_, _ = fmt.Sscan(number, &n)
			return strings.Split(string(f.Data), "\n")[n-1]
		}
	}
	return ""
}

// TestUserTablesAreReadAsJobFiles: a user's table is also a job file of
// Belfry's, read by other code. Both say the same.
func TestUserTablesAreReadAsJobFiles(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		when := rapid.SampledFrom([]string{"* * * * *", "@daily", "*/5 1-3 * * mon", "0 0 13 * 5", "7 4 */2 * sun\t", "@every 90s"})
		text := rapid.StringOfN(rapid.SampledFrom([]rune(`ab %%\\"'$#:-{}[]|>&*!é	=/.`)), 1, 20, -1)
		setting := rapid.SampledFrom([]string{"A=b", `B = "c d"`, "C=", "SHELL=/bin/bash", "HOME=/srv", "MAILTO=me", "CRON_TZ=Asia/Tokyo", `D='%x'`})
		var b strings.Builder
		for range rapid.IntRange(1, 6).Draw(rt, "lines") {
			if rapid.Bool().Draw(rt, "setting") {
				b.WriteString(setting.Draw(rt, "text") + "\n")
				continue
			}
			b.WriteString(when.Draw(rt, "when") + " x" + text.Draw(rt, "command") + "\n")
		}
		b.WriteString("@hourly true\n")
		set, err := job.Parse([]job.File{{Name: "t.crontab", Data: []byte(b.String())}})
		if err != nil {
			rt.Skip("not a crontab", err)
		}
		table, err := foreign.Read([]foreign.File{{Name: "t", Kind: foreign.UserTable, Data: []byte(b.String())}}, foreign.Options{})
		require.NoError(rt, err)
		jobs := requireSameJobs(rt, table)
		require.Len(rt, jobs, len(set.Jobs), "%s", table.YAML())
		for i, want := range set.Jobs {
			got := jobs[i]
			require.Equal(rt, want.Command, got.Command)
			require.Equal(rt, want.Stdin, got.Stdin)
			require.Equal(rt, want.Env, got.Env)
			require.Equal(rt, want.Timezone, got.Timezone)
			require.Equal(rt, want.WorkingDir, got.WorkingDir)
			require.Equal(rt, strings.Join(strings.Fields(want.Schedule), " "), got.Schedule)
		}
	})
}

// TestAnyTextSurvives writes commands of any text into a job file.
func TestAnyTextSurvives(t *testing.T) {
	text := rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.SampledFrom([]rune("ab \n\t:#-'\"\\|>&*!%@`{}[],?~01")), 0, 30, -1),
		rapid.SampledFrom([]string{"true", "null", "~", "1", "0x1", "1e3", ".5", "-", "- a", "a: b", "a #b", "yes", "2026-01-01", "|", ">-", "\u0085", "\u2028x", "a\n b\n", "a\n\nb", "a\n\tb", "\n", "<<", "a\n ", "\U0001F600", "\uFEFF", "a\u007f"}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		var items []string
		for _, value := range rapid.SliceOfN(text, 1, 3).Draw(rt, "args") {
			items = append(items, jsonString(value))
		}
		manifest := `{"kind": "CronJob", "metadata": {"name": "x"}, "spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": {"spec": ` +
			`{"containers": [{"name": "c", "command": ["p", ` + strings.Join(items, ", ") + `], "env": [{"name": "E", "value": ` + items[0] + `}]}]}}}}}}`
		table, err := foreign.Read([]foreign.File{{Name: "m.json", Kind: foreign.Manifest, Data: []byte(manifest)}}, foreign.Options{})
		if err != nil {
			rt.Skip(err)
		}
		requireSameJobs(rt, table)
	})
}

// jsonString writes every character that is not a letter as an escape, so
// that nothing depends on how the reader takes it.
func jsonString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r > '~' && r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// TestCronJobDays holds the rewriting of day fields against the rules of
// Kubernetes' library, evaluated day by day.
func TestCronJobDays(t *testing.T) {
	item := func(lo, hi int) *rapid.Generator[string] {
		return rapid.Custom(func(rt *rapid.T) string {
			a := rapid.IntRange(lo, hi).Draw(rt, "a")
			b := rapid.IntRange(a, hi).Draw(rt, "b")
			n := rapid.IntRange(1, 7).Draw(rt, "n")
			return rapid.SampledFrom([]string{"*", "?", fmt.Sprint(a), fmt.Sprintf("%d-%d", a, b), fmt.Sprintf("*/%d", n), fmt.Sprintf("%d/%d", a, n), fmt.Sprintf("%d-%d/%d", a, b, n)}).Draw(rt, "item")
		})
	}
	rapid.Check(t, func(rt *rapid.T) {
		dom := strings.Join(rapid.SliceOfN(item(1, 28), 1, 3).Draw(rt, "dom"), ",")
		dow := strings.Join(rapid.SliceOfN(item(0, 6), 1, 3).Draw(rt, "dow"), ",")
		manifest := fmt.Sprintf(`{"kind": "CronJob", "metadata": {"name": "x"}, "spec": {"schedule": "0 0 %s * %s", "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"command": ["p"]}]}}}}}}`, dom, dow)
		table, err := foreign.Read([]foreign.File{{Name: "m.json", Kind: foreign.Manifest, Data: []byte(manifest)}}, foreign.Options{})
		require.NoError(rt, err)
		jobs := requireSameJobs(rt, table)
		require.Len(rt, jobs, 1, "%s", table.YAML())
		due := map[string]bool{}
		s, err := jobs[0].Compile()
		require.NoError(rt, err)
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for at, ok := s.Next(start.Add(-time.Second)); ok && at.Year() == 2026; at, ok = s.Next(at) {
			due[at.Format(time.DateOnly)] = true
		}
		domSet, domStar := kubernetesField(dom, 1, 31)
		dowSet, dowStar := kubernetesField(dow, 0, 6)
		for day := start; day.Year() == 2026; day = day.AddDate(0, 0, 1) {
			want := domSet[day.Day()] || dowSet[int(day.Weekday())]
			if domStar || dowStar {
				want = domSet[day.Day()] && dowSet[int(day.Weekday())]
			}
			require.Equal(rt, want, due[day.Format(time.DateOnly)], "%s: %q, read as %q", day.Format(time.DateOnly), dom+" * "+dow, jobs[0].Schedule)
		}
	})
}

// kubernetesField is the values of a field and whether it counts as a star,
// by the rules of the library that Kubernetes reads schedules with.
func kubernetesField(text string, lo, hi int) (set map[int]bool, star bool) {
	set = map[int]bool{}
	for item := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		n := 1
		if stepped {
			_, _ = fmt.Sscan(step, &n)
		}
		first, last := lo, hi
		if span == "*" || span == "?" {
			star = star || n == 1
		} else if from, to, ranged := strings.Cut(span, "-"); ranged {
			_, _ = fmt.Sscan(from, &first)
			_, _ = fmt.Sscan(to, &last)
		} else {
			_, _ = fmt.Sscan(span, &first)
			if !stepped {
				last = first
			}
		}
		for v := first; v <= last; v += n {
			set[v] = true
		}
	}
	return set, star
}

// TestMutationsNeverPanic: whatever the input, what is written is a job file.
func TestMutationsNeverPanic(t *testing.T) {
	var samples []foreign.File
	for _, name := range []string{"debian", "anacron", "user", "kubernetes"} {
		for _, input := range inputs(t, filepath.Join("testdata/golden", name)) {
			samples = append(samples, files(input)...)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := rapid.SampledFrom(samples).Draw(rt, "file")
		data := []byte(string(f.Data))
		for range rapid.IntRange(1, 5).Draw(rt, "mutations") {
			at := rapid.IntRange(0, len(data)).Draw(rt, "at")
			end := min(len(data), at+rapid.IntRange(0, 4).Draw(rt, "cut"))
			put := rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(rt, "put")
			data = append(append(append([]byte{}, data[:at]...), put...), data[end:]...)
		}
		f.Data = data
		table, err := foreign.Read([]foreign.File{f}, foreign.Options{})
		if err == nil {
			requireSameJobs(rt, table)
		}
	})
}

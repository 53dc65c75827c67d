package lint_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/lint"
	"github.com/belfry-cron/belfry/internal/schedule"
)

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// TestGolden runs the files under testdata; go test -rewrite writes what is
// found into them. The commands:
//
//	lint [file=NAME]    of one file; the answer is what is found
//	job [field=value …] of one job with this schedule, seconds, timezone, …
//	                    underscores stand for blanks in {…}
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			f := job.File{Name: "jobs.yaml", Data: []byte(d.Input + "\n")}
			switch d.Cmd {
			case "lint":
				d.MaybeScanArgs(t, "file", &f.Name)
			case "job":
				var b strings.Builder
				for line := range strings.Lines(d.Input) {
					if b.Len() == 0 {
						fmt.Fprintf(&b, "jobs:\n- name: a\n  command: x\n  schedule: %q\n", strings.TrimSpace(line))
						for _, arg := range d.CmdArgs {
							value := strings.Join(arg.Vals, ",")
							if value[0] == '{' {
								value = strings.ReplaceAll(value, "_", " ")
							}
							fmt.Fprintf(&b, "  %s: %s\n", arg.Key, value)
						}
					}
				}
				f.Data = []byte(b.String())
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			set, problems := job.Survey([]job.File{f})
			if len(problems) > 0 {
				return problems.Error() + "\n"
			}
			return text(lint.Check(set, noon()))
		})
	})
}

func text(all []lint.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s:%d:%d-%d %s %s %s: %s", f.File, f.Line, f.Column, f.EndColumn, f.Code, f.Severity, f.Field, f.Message)
		if f.Hint != "" {
			fmt.Fprintf(&b, " (%s)", f.Hint)
		}
		b.WriteByte('\n')
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// TestEveryCodeIsExplained holds docs/lints.md and the codes together.
func TestEveryCodeIsExplained(t *testing.T) {
	page, err := os.ReadFile("../../docs/lints.md")
	require.NoError(t, err)
	headings := regexp.MustCompile(`(?m)^## (BF[0-9]{3}): (.+)$`).FindAllStringSubmatch(string(page), -1)
	var want, got []string
	for _, l := range lint.Lints() {
		want = append(want, string(l.Code)+": "+l.Title)
		known, ok := lint.Describe(l.Code)
		require.True(t, ok)
		require.Equal(t, l, known)
	}
	for _, h := range headings {
		got = append(got, h[1]+": "+h[2])
	}
	require.Equal(t, want, got)
	_, ok := lint.Describe("BF999")
	require.False(t, ok)
}

// TestEveryCodeIsFound: each code occurs in the golden files.
func TestEveryCodeIsFound(t *testing.T) {
	golden, err := os.ReadFile("testdata/lints")
	require.NoError(t, err)
	for _, l := range lint.Lints() {
		require.Contains(t, string(golden), fmt.Sprintf(" %s %s ", l.Code, l.Severity))
	}
}

// TestExamplesAreClean: who copies an example is warned of nothing.
func TestExamplesAreClean(t *testing.T) {
	var files []job.File
	for _, name := range []string{"jobs.yaml", "legacy.crontab"} {
		data, err := os.ReadFile("../../examples/" + name)
		require.NoError(t, err)
		files = append(files, job.File{Name: name, Data: data})
	}
	set, problems := job.Survey(files)
	require.Empty(t, problems)
	require.Equal(t, "nothing\n", text(lint.Check(set, noon())))
}

// TestNamesKeepTheDays: the names that a number beside a ? is to be replaced
// by are of the same days.
func TestNamesKeepTheDays(t *testing.T) {
	days := func(field string) string {
		made, err := schedule.Parse("0 0 ? * "+field, schedule.Options{})
		require.NoError(t, err, field)
		return made.String()
	}
	told := 0
	check := func(field string) {
		if _, err := schedule.Parse("0 0 ? * "+field, schedule.Options{}); err != nil {
			return
		}
		set, problems := job.Survey([]job.File{{Name: "jobs.yaml", Data: fmt.Appendf(nil, "jobs: [{name: a, command: x, schedule: '0 0 ? * %s'}]\n", field)}})
		require.Empty(t, problems)
		for _, f := range lint.Check(set, noon()) {
			if names, found := strings.CutPrefix(f.Hint, "write names: "); found && f.Code == lint.QuartzDay {
				told++
				require.Equal(t, days(field), days(names), "%s: %s", field, names)
			}
		}
	}
	for from := range 8 {
		check(fmt.Sprint(from))
		for _, tail := range []string{"#2", "L", ",5L", ",mon#1"} {
			check(fmt.Sprint(from) + tail)
		}
		for to := range 8 {
			for step := 1; step < 8; step++ {
				check(fmt.Sprintf("%d-%d/%d", from, to, step))
			}
			check(fmt.Sprintf("%d,%d-%d", to, from, to))
		}
	}
	require.Greater(t, told, 200)
}

// BenchmarkCheck is for 1,000 jobs, no two with one schedule.
func BenchmarkCheck(b *testing.B) {
	var text strings.Builder
	text.WriteString("calendars: {days: [{rrule: FREQ=YEARLY;BYEASTER=1}, 2026-01-01]}\njobs:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "- {name: j%d, command: x, schedule: '%d,%d %d * * *', timezone: Europe/Berlin, except_on: days, timeout: 1h, catch_up: {policy: all, window: 300d}}\n",
			i, i%60, (i/60)%60, i%24)
	}
	set, problems := job.Survey([]job.File{{Name: "jobs.yaml", Data: []byte(text.String())}})
	require.Empty(b, problems)
	for b.Loop() {
		lint.Check(set, noon())
	}
}

// TestMutatedExpressions: of ten thousand expressions with something changed,
// each is an error with a place and a message, or is looked at by every lint.
func TestMutatedExpressions(t *testing.T) {
	seeds := []string{
		"30 2 * * *", "*/15 8-17 1,15 jan-jun mon-fri", "0 0 L * ?", "H H(0-7) * * 5#3", "0 0 29 2 *",
		"@every 90s", "@at 2026-12-31T23:00:00Z", "*/10 * 0-6/2 15W * *", "0 0~30 12 * 7", "0 0 31 */5 2L",
	}
	zones := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca"}
	good := 0
	for i := range 10_000 {
		expression := mutate(seeds[i%len(seeds)], rand.New(rand.NewPCG(1, uint64(i))))
		text := fmt.Sprintf("calendars: {days: [2026-11-22..2026-12-24]}\njobs:\n- {name: a, command: x, timezone: %s, seconds: %t, timeout: 1h, jitter: 1h, only_on: days, schedule: %q}\n",
			zones[i/7%len(zones)], i%3 == 0, expression)
		set, problems := job.Survey([]job.File{{Name: "jobs.yaml", Data: []byte(text)}})
		for _, p := range problems {
			require.NotEmpty(t, p.Message, expression)
			require.Positive(t, p.Line, expression)
		}
		for _, f := range lint.Check(set, noon()) {
			require.NotEmpty(t, f.Message, expression)
			require.Equal(t, 3, f.Line, expression)
			require.True(t, f.EndColumn == 0 || f.EndColumn > f.Column, "%q %+v", expression, f)
		}
		good += len(set.Jobs)
	}
	require.Greater(t, good, 500, "too few mutants are schedules")
}

// mutate changes one to three places of an expression.
func mutate(text string, r *rand.Rand) string {
	const letters = "01234567890123456789012345*/-,?#LWH~@ jmfsau:"
	for range 1 + r.IntN(2) {
		at, letter := r.IntN(len(text)+1), letters[r.IntN(len(letters)):][:1]
		switch r.IntN(3) {
		case 0:
			text = text[:at] + letter + text[at:]
		case 1:
			text = text[:at] + letter + text[min(at+1, len(text)):]
		case 2:
			text = text[:at] + text[min(at+1+r.IntN(2), len(text)):]
		}
	}
	return text
}

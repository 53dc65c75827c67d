package lint_test

import (
	"fmt"
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

package job

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// TestGolden runs the files under testdata; go test -rewrite writes what is
// found into them. The commands:
//
//	parse [file=NAME]   the input is one file, jobs.yaml if not named
//	  escaped           it is written as a Go string
//	  places            of a problem with a schedule, tell the place alone:
//	                    the words are those of package schedule
//	files               the input is several: "== NAME" begins one; those
//	                    that end in .ics stand beside the others
//
// The answer is the clusters and, for each job, the fields that differ from
// the defaults; or all problems.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "parse":
				f := File{Name: "jobs.yaml", Data: []byte(d.Input + "\n")}
				d.MaybeScanArgs(t, "file", &f.Name)
				if d.HasArg("escaped") {
					data, err := strconv.Unquote(d.Input)
					require.NoError(t, err)
					f.Data = []byte(data)
				}
				return answer(t, []File{f}, d.HasArg("places"))
			case "files":
				var files []File
				for part := range strings.SplitSeq("\n"+d.Input, "\n== ") {
					if name, data, found := strings.Cut(part, "\n"); found && name != "" {
						files = append(files, File{Name: name, Data: []byte(data + "\n"), Beside: strings.HasSuffix(name, ".ics")})
					}
				}
				return answer(t, files, false)
			default:
				t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
				return ""
			}
		})
	})
}

func answer(t *testing.T, files []File, places bool) string {
	set, err := Parse(files)
	if err != nil {
		var ps Problems
		require.ErrorAs(t, err, &ps)
		require.Empty(t, set)
		for i := range ps {
			if places && ps[i].Field == "schedule" {
				require.NotEmpty(t, ps[i].Message)
				ps[i].Message, ps[i].Hint = "…", ""
			}
		}
		return ps.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "clusters %s\n", strings.Join(set.Clusters, " "))
	for _, j := range set.Jobs {
		fmt.Fprintf(&b, "%s\n", describe(t, j))
	}
	return b.String()
}

// describe writes a job's name and, indented, the fields that differ from
// those of a job nobody wrote anything for.
func describe(t *testing.T, j Job) string {
	plain := fields(t, Default().WithDefaults())
	var b strings.Builder
	b.WriteString(j.Name)
	for _, name := range []string{
		"source", "cluster", "description", "schedule", "seconds", "timezone", "only_on", "except_on", "blackouts", "command", "stdin", "env", "working_dir",
		"user", "timeout_ms", "retries", "retry_backoff", "overlap", "catch_up", "start_deadline_ms", "jitter_ms",
		"on_lost", "notify", "expect_success_within_ms", "done_by", "labels", "paused",
	} {
		if got := fields(t, j)[name]; !cmp.Equal(got, plain[name]) && got != "" {
			text, err := json.Marshal(got)
			require.NoError(t, err)
			fmt.Fprintf(&b, "\n  %s: %s", name, durations(text))
		}
	}
	return b.String()
}

// durations makes nanoseconds, as encoding/json writes durations, readable.
func durations(text []byte) string {
	var b strings.Builder
	for i, part := range strings.Split(string(text), `_ms":`) {
		digits := len(part) - len(strings.TrimLeft(part, "0123456789"))
		if n, err := strconv.ParseInt(part[:digits], 10, 64); i > 0 && err == nil {
			part = `":` + formatDuration(time.Duration(n)) + part[digits:]
		}
		b.WriteString(part)
	}
	if n, err := strconv.ParseInt(b.String(), 10, 64); err == nil && n >= int64(time.Millisecond) {
		return formatDuration(time.Duration(n))
	}
	return b.String()
}

func fields(t *testing.T, j Job) map[string]any {
	text, err := json.Marshal(j)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

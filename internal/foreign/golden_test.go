package foreign_test

import (
	"strings"
	"testing"
	_ "time/tzdata"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/foreign"
	"github.com/belfry-cron/belfry/internal/job"
)

// TestGolden runs the files under testdata; go test -rewrite writes what is
// found into them. The one command:
//
//	read [zone=ZONE]    "== NAME KIND" begins a file; the kinds are those of
//	                    foreign, "user=NAME", and "script-plain" for a script
//	                    that may not be run
//
// The answer is the job file, without its header. It must hold the same jobs.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			require.Equal(t, "read", d.Cmd, d.Pos)
			var o foreign.Options
			d.MaybeScanArgs(t, "zone", &o.Zone)
			table, err := foreign.Read(files(d.Input), o)
			if err != nil {
				return err.Error() + "\n"
			}
			requireSameJobs(t, table)
			text := string(table.YAML())
			_, text, _ = strings.Cut(text, "\n\n")
			return text
		})
	})
}

func files(input string) []foreign.File {
	var out []foreign.File
	for part := range strings.SplitSeq("\n"+input, "\n== ") {
		head, data, _ := strings.Cut(part, "\n")
		name, kind, _ := strings.Cut(head, " ")
		if name == "" {
			continue
		}
		f := foreign.File{Name: name, Kind: foreign.Kind(kind), Data: []byte(data + "\n"), Executable: true}
		if user, ok := strings.CutPrefix(kind, "user="); ok {
			f.Kind, f.User = foreign.UserTable, user
		}
		if kind == "script-plain" {
			f.Kind, f.Executable = foreign.Script, false
		}
		out = append(out, f)
	}
	return out
}

// requireSameJobs reads what was written, and finds the jobs of the table.
func requireSameJobs(t require.TestingT, table foreign.Table) []job.Job {
	text := table.YAML()
	set, err := job.Parse([]job.File{{Name: "jobs.yaml", Data: text}})
	require.NoError(t, err, "%s", text)
	want := table.Jobs()
	require.Len(t, set.Jobs, len(want))
	for i := range want {
		got := set.Jobs[i]
		got.Source = ""
		if want[i].Cluster == "" {
			want[i].Cluster = job.DefaultClusters()[0]
		}
		require.Empty(t, cmp.Diff(want[i], got), "%s", text)
	}
	return set.Jobs
}

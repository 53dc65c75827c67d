package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse: whatever is in a file, Parse ends with jobs that are good or
// problems that have a place in the file.
func FuzzParse(f *testing.F) {
	for _, file := range readExamples(f) {
		f.Add(file.Data, strings.HasSuffix(file.Name, ".crontab"))
	}
	scenarios, err := filepath.Glob("testdata/golden/*")
	require.NoError(f, err)
	for _, path := range scenarios {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		for part := range strings.SplitSeq(string(data), "\nparse") {
			_, input, _ := strings.Cut(part, "\n")
			input, _, _ = strings.Cut(input, "\n----")
			f.Add([]byte(input), strings.HasSuffix(path, "crontab"))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, crontab bool) {
		name := "jobs.yaml"
		if crontab {
			name = "jobs.crontab"
		}
		checkFile(t, name, data)
	})
}

// checkFile reports whether a file is good. Its problems have places, and its
// jobs are such that records of them are good.
func checkFile(t *testing.T, name string, data []byte) bool {
	set, err := Parse([]File{{Name: name, Data: data}})
	survey, problems := Survey([]File{{Name: name, Data: data}})
	if err != nil {
		var ps Problems
		require.ErrorAs(t, err, &ps)
		require.NotEmpty(t, ps)
		require.Equal(t, ps, problems)
		lines := 1 + strings.Count(string(data), "\n")
		for _, p := range ps {
			require.Equal(t, name, p.File)
			require.NotEmpty(t, p.Message)
			require.GreaterOrEqual(t, p.Column, 1)
			require.True(t, p.EndColumn == 0 || p.EndColumn > p.Column, p)
			require.True(t, p.Line >= 1 && p.Line <= lines, "line %d of %d", p.Line, lines)
		}
		for i := range survey.Jobs {
			require.Empty(t, survey.Jobs[i].Validate())
		}
		return false
	}
	require.NotEmpty(t, set.Clusters)
	require.Equal(t, set.Jobs, survey.Jobs)
	for _, j := range set.Jobs {
		require.Empty(t, j.Validate())
		require.Contains(t, set.Clusters, j.Cluster)
		require.Equal(t, j, j.WithDefaults())
		require.Equal(t, name, j.Source)
		_, err := j.Compile()
		require.NoError(t, err)
	}
	return true
}

// FuzzICal: whatever is in an iCalendar file, it ends with days that can be
// written and read again, or with problems that have a line.
func FuzzICal(f *testing.F) {
	data, err := os.ReadFile("testdata/golden/calendars")
	require.NoError(f, err)
	for part := range strings.SplitSeq(string(data), "BEGIN:VCALENDAR") {
		f.Add([]byte("BEGIN:VCALENDAR" + part))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkICal(t, data) })
}

func checkICal(t *testing.T, data []byte) {
	jobs := "calendars: {c: [{ical: c.ics}]}\njobs: [{name: a, command: x, only_on: c}]\n"
	set, err := Parse([]File{{Name: "jobs.yaml", Data: []byte(jobs)}, {Name: "c.ics", Data: data, Beside: true}})
	if err != nil {
		var ps Problems
		require.ErrorAs(t, err, &ps)
		lines := 1 + strings.Count(string(data), "\n")
		for _, p := range ps {
			require.NotEmpty(t, p.Message)
			require.True(t, p.Line >= 1 && (p.Line <= lines || p.File == "jobs.yaml"), p.String())
		}
		return
	}
	require.Empty(t, set.Jobs[0].Validate())
	for _, s := range set.Jobs[0].OnlyOn {
		again, err := readDays(s.Days)
		require.NoError(t, err)
		require.Equal(t, s.Days, formatDays(again))
	}
}

// TestMutatedFiles: ten thousand files with something changed, calendars,
// windows and iCalendar files among them.
func TestMutatedFiles(t *testing.T) {
	golden, err := os.ReadFile("testdata/golden/calendars")
	require.NoError(t, err)
	var seeds []string
	for part := range strings.SplitSeq(string(golden), "\nparse\n") {
		input, _, _ := strings.Cut(part, "\n----")
		seeds = append(seeds, input)
	}
	seeds = append(seeds[1:2], strings.Split(string(readExamples(t)[0].Data), "\njobs:")[0]+"\njobs: []\n",
		"calendars: {a: [2026-01-01]}\nblackouts: [{name: n, weekly: 'sat,sun 02:00..04:00'}, {name: m, from: 2026-12-24T18:00:00Z, to: 2026-12-27T06:00:00+01:00}]\n"+
			"jobs: [{name: a, schedule: '*/5 1-4 L * fri#2', command: x, only_on: a, lint_ignore: {BF005: wanted}}]\n")
	_, ics, _ := strings.Cut(string(golden), "BEGIN:VCALENDAR")
	ics, _, _ = strings.Cut("BEGIN:VCALENDAR"+ics, "END:VCALENDAR")
	ics += "END:VCALENDAR\n"
	good := 0
	for i := range 10_000 {
		if i%4 == 3 {
			checkICal(t, []byte(mutate(ics, uint64(i))))
			continue
		}
		if checkFile(t, "jobs.yaml", []byte(mutate(seeds[i%len(seeds)], uint64(i)))) {
			good++
		}
	}
	require.Greater(t, good, 500, "too few mutants are good")
}

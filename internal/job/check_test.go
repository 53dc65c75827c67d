package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/schedule"
)

func goodJob() Job {
	j := Default().WithDefaults()
	j.Name, j.Cluster, j.Command = "a", "anywhere", []string{"true"}
	return j
}

func texts(ps []Problem) []string {
	var lines []string
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return lines
}

func TestValidate(t *testing.T) {
	require.Empty(t, goodJob().Validate())
	require.Empty(t, Job{Name: "a", Cluster: "c", Command: []string{"x"}}.WithDefaults().Validate())

	bad := goodJob()
	bad.Schedule, bad.Timezone, bad.Cluster = "0 0 * * xyz", "Local", "a/b"
	bad.Command[0], bad.Env = "a\x00", map[string]string{"A": "\x00"}
	bad.Timeout, bad.OnLost, bad.Retries = -time.Second, "maybe", -1
	_, err := schedule.Parse(bad.Schedule, schedule.Options{Key: bad.Name})
	var wrong *schedule.Error
	require.ErrorAs(t, err, &wrong)
	require.NotEmpty(t, wrong.Hint)
	require.Equal(t, []string{
		`timezone: there is no time zone "Local" (the name of a zone, such as Europe/Berlin, that means the same on every host)`,
		`schedule: ` + wrong.Msg + ` at character 9 (` + wrong.Hint + `)`,
		`cluster: "a/b" is not a name for a cluster (letters, digits and . _ - only, as in the names of Kafka topics)`,
		`command[0]: holds a NUL character`,
		`env.A: holds a NUL character`,
		`timeout: is negative`,
		`retries: -1 is not between 0 and 1000`,
		`on_lost: expected one of retry, fail, found "maybe"`,
	}, texts(bad.Validate()))
	require.NotEmpty(t, Job{}.Validate())
}

func TestCompile(t *testing.T) {
	j := goodJob()
	s, err := j.Compile()
	require.NoError(t, err)
	require.Nil(t, s)

	j.Schedule, j.Timezone = "0 12 * * *", "Asia/Tokyo"
	s, err = j.Compile()
	require.NoError(t, err)
	due, ok := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	require.True(t, ok)
	require.True(t, due.Equal(time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)), due)

	j.Timezone = ""
	s, err = j.Compile()
	require.NoError(t, err)
	require.Equal(t, time.UTC, s.Location())

	j.Schedule = "*/5 * * * * *"
	_, err = j.Compile()
	var wrong *schedule.Error
	require.ErrorAs(t, err, &wrong)
	j.Seconds = true
	_, err = j.Compile()
	require.NoError(t, err)
	j.Timezone = "Nowhere"
	_, err = j.Compile()
	require.ErrorContains(t, err, `loading time zone "Nowhere" of job a`)
}

// TestRecordTooLong blames the field that is longest, at its place.
func TestRecordTooLong(t *testing.T) {
	long := strings.Repeat("x", MaxRecord-2048)
	for _, c := range []struct{ fields, want string }{
		{"command: x, stdin: " + long, ""},
		{"command: x, env: {A: aaa, B: " + long + "}, stdin: " + long[:4096], "jobs.yaml:1:44: env.B: takes 255 KiB of the job's record, which may be 256 KiB in all"},
		{"command: [a, b, " + long + long + "]", "jobs.yaml:1:34: command[2]: takes 509 KiB of the job's record"},
		{"command: " + long + long, "jobs.yaml:1:27: command[2]: takes 509 KiB"},
		// What JSON must escape takes more room than it has in the file.
		{`command: x, stdin: "` + strings.Repeat(`\x01`, MaxRecord/6) + `"`, "jobs.yaml:1:37: stdin: takes 257 KiB"},
	} {
		_, err := Parse([]File{{Name: "jobs.yaml", Data: []byte("jobs: [{name: a, " + c.fields + "}]\n")}})
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.want)
		require.Less(t, len(err.Error()), 300)
	}
}

// TestHostileFiles: what is meant to exhaust the reader is refused, soon.
func TestHostileFiles(t *testing.T) {
	const many = 50_000
	var bomb, merges strings.Builder
	bomb.WriteString("defaults:\n  env: &a0 {A: x}\njobs:\n")
	merges.WriteString("jobs:\n  - &m0 {name: a, command: x}\n")
	for i := range 60 {
		fmt.Fprintf(&bomb, "  - &a%d [*a%d, *a%d, *a%d]\n", i+1, i, i, i)
		fmt.Fprintf(&merges, "  - &m%d {<<: [*m%d, *m%d, *m%d], name: b%d}\n", i+1, i, i, i, i)
	}
	big := "defaults:\n  stdin: " + strings.Repeat("x", MaxRecord/2) + "\njobs:\n"
	for name, c := range map[string]struct{ data, want string }{
		"aliases of aliases":  {bomb.String(), "jobs[59]: expected a mapping with the fields of a job, found a list"},
		"merges of merges":    {merges.String(), ""},
		"long default":        {big + numbered("x"), "with its aliases and defaults written out, the file is longer than 128 MiB"},
		"long alias":          {"jobs:\n  - {name: a, command: &c " + strings.Repeat("x", MaxRecord/2) + "}\n" + numbered("*c"), "written out"},
		"brackets":            {strings.Repeat("[", many), "nested more than 64 levels deep"},
		"braces":              {strings.Repeat("{a: ", many), "nested more than 64 levels deep"},
		"dashes":              {strings.Repeat("- ", many), "nested more than 64 levels deep"},
		"question marks":      {strings.Repeat("? ", many), "nested more than 64 levels deep"},
		"tags":                {strings.Repeat("!a ", many), "nested more than 64 levels deep"},
		"tags on lines":       {strings.Repeat("!a\n", many), "jobs.yaml"},
		"anchors on lines":    {strings.Repeat("&a\n", many), "jobs.yaml"},
		"keys on one line":    {strings.Repeat("a: ", many), "nested more than 64 levels deep"},
		"indented":            {indented(1000), "unknown key"},
		"indented dashes":     {indentedDashes(1000), "found a list"},
		"a long line":         {"jobs: [" + strings.Repeat("{name: a, command: x}, ", 5_000) + "]", `a second job is named "a"`},
		"a long list of keys": {"jobs: [{" + strings.Repeat("a: x, ", many) + "}]", "written twice"},
		"too long":            {strings.Repeat("#\n", MaxFile), "the file is 32 MiB long, more than the 16 MiB a job file may have"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]File{{Name: "jobs.yaml", Data: []byte(c.data)}})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// numbered is ten thousand jobs with one command.
func numbered(command string) string {
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "  - {name: a%d, command: %s}\n", i, command)
	}
	return b.String()
}

func indented(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func indentedDashes(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "-\n")
	}
	return b.String()
}

// TestABoundOnEverything that a job has several of, and on all of it together:
// the same for one from a file and for one that a record holds.
func TestABoundOnEverything(t *testing.T) {
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("A%d", i)] = ""
		}
		return m
	}
	big := strings.Repeat("2026-12-24 ", MaxRecord/11)
	for field, change := range map[string]func(j *Job){
		"command":      func(j *Job) { j.Command = slices.Repeat([]string{"x"}, MaxArgs+1) },
		"env":          func(j *Job) { j.Env = many(MaxEnv + 1) },
		"labels":       func(j *Job) { j.Labels = many(MaxLabels + 1) },
		"only_on[0]":   func(j *Job) { j.OnlyOn = []Calendar{{Name: "c", Days: big}} },
		"except_on[0]": func(j *Job) { j.ExceptOn = []Calendar{{Name: "c", Rules: make([]Rule, maxRules+1)}} },
		"blackouts":    func(j *Job) { j.Blackouts = make([]Blackout, maxBlackouts+1) },
		"blackouts[0]": func(j *Job) {
			j.Blackouts = []Blackout{{Name: "b", Weekly: "sat,sun" + strings.Repeat(" ", MaxRecord) + "02:00..04:00"}}
		},
		"":      func(j *Job) { j.Unknown = map[string]any{"later": strings.Repeat("x", MaxRecord)} },
		"stdin": func(j *Job) { j.Stdin = strings.Repeat("\x01", MaxRecord/6) }, // each is six bytes there
	} {
		j := Default().WithDefaults()
		j.Name, j.Cluster, j.Command = "a", "c", []string{"true"}
		require.Empty(t, j.Validate())
		change(&j)
		problems := j.Validate()
		require.NotEmpty(t, problems, field)
		require.Equal(t, field, problems[0].Field)
	}
}

// TestManyProblems are not all told.
func TestManyProblems(t *testing.T) {
	text := "jobs:\n" + strings.Repeat("  - {name: '', command: x}\n", 5000)
	_, err := Parse([]File{{Name: "jobs.yaml", Data: []byte(text)}})
	var ps Problems
	require.ErrorAs(t, err, &ps)
	require.Len(t, ps, maxProblems+1)
	require.Equal(t, "there are more problems than these", ps[maxProblems].Message)
}

// TestTooManyJobs are refused at the first beyond the most.
func TestTooManyJobs(t *testing.T) {
	text := "# a comment\n" + strings.Repeat("* * * * * x\n", MaxJobs+10)
	_, err := Parse([]File{{Name: "jobs.crontab", Data: []byte(text)}})
	require.ErrorContains(t, err, fmt.Sprintf("jobs.crontab:%d:1: the files hold more than 250000 jobs", MaxJobs+2))
}

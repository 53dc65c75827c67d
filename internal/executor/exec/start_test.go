package exec_test

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
)

// A command that cannot be started is an outcome that says why.
func TestStartFailures(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		return path
	}
	plain := file("plain", "#!/bin/sh\n", 0o644)
	orphan := file("orphan", "#!/no/such/interpreter\n", 0o755)
	prose := file("prose", "neither a script nor a program\n", 0o755)
	long := strings.Repeat("x", 8<<20)
	trueArgs := []string{"/bin/true"}

	for name, tt := range map[string]struct {
		command exec.Command
		want    []string
	}{
		"empty":               {exec.Command{}, []string{"empty"}},
		"not found":           {exec.Command{Args: []string{"/no/such/program"}}, []string{`"/no/such/program"`, "not found"}},
		"not found from here": {exec.Command{Args: []string{"./no-such"}}, []string{`/exec/no-such"`, "not found"}},
		"not found in PATH":   {exec.Command{Args: []string{"nosuch"}, Env: []string{"PATH=/bin:/opt/x"}}, []string{`"nosuch"`, "PATH (/bin:/opt/x)"}},
		"found in worker's":   {exec.Command{Args: []string{"true"}, Env: []string{"PATH=/nowhere"}}, []string{"PATH (/nowhere)"}},
		"not executable":      {exec.Command{Args: []string{plain}}, []string{plain, "not executable"}},
		"not exec'able, PATH": {exec.Command{Args: []string{"plain"}, Env: []string{"PATH=" + dir}}, []string{plain, "not executable"}},
		"a directory":         {exec.Command{Args: []string{dir}}, []string{"is a directory"}},
		"no interpreter":      {exec.Command{Args: []string{orphan}}, []string{orphan, "interpreter"}},
		"no #! line":          {exec.Command{Args: []string{prose}}, []string{prose, "#!"}},
		"too long":            {exec.Command{Args: []string{"/bin/true", long}}, []string{"longer than this host allows"}},
		"NUL in argument":     {exec.Command{Args: []string{"/bin/true", "a\x00b"}}, []string{"argument 1", "NUL"}},
		"NUL in environment":  {exec.Command{Args: trueArgs, Env: []string{"A=a\x00b"}}, []string{`"A"`, "NUL"}},
		"not KEY=VALUE":       {exec.Command{Args: trueArgs, Env: []string{"A"}}, []string{`"A"`, "KEY=VALUE"}},
		"unknown user":        {exec.Command{Args: trueArgs, User: "no-such-user"}, []string{`"no-such-user"`, "unknown"}},
		"unknown user number": {exec.Command{Args: trueArgs, User: "3999999999"}, []string{`"3999999999"`, "unknown"}},
		"no directory":        {exec.Command{Args: trueArgs, Dir: "/no/such/dir"}, []string{`"/no/such/dir"`, "does not exist"}},
		"file for directory":  {exec.Command{Args: trueArgs, Dir: plain}, []string{plain, "not a directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			inEachWay(t, exec.Options{}, func(t *testing.T, e *exec.Executor, _ bool) {
				r := begin(t, e, tt.command)
				o := r.end(t)
				require.Equal(t, run.StateFailed, o.State)
				require.Equal(t, -1, o.ExitCode)
				require.Empty(t, o.Signal)
				require.Zero(t, o.StartedAt)
				require.NotZero(t, o.EndedAt)
				for _, want := range tt.want {
					require.Contains(t, o.StartFailure, want)
				}
			})
		})
	}
}

// The environment is what the job and Belfry set, and nothing else of the
// worker's own.
func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET", "of the worker")
	t.Setenv("PATH", "/usr/bin:/bin")
	t.Setenv("HOME", "/home/worker")
	t.Setenv("LANG", "")
	e := newExecutor(t, exec.Options{})
	due := time.Date(2026, 3, 29, 3, 30, 0, 0, time.FixedZone("", 2*60*60))
	r := begin(t, e, exec.Command{
		Args: []string{"env"},
		Env:  []string{"BELFRY_FENCE=999", "BELFRY_OTHER=1", "GREETING=a=b c", "HOME=/elsewhere"},
		Identity: exec.Identity{
			Job: "reports/daily", RunID: "5f6e", Attempt: 2, Due: due, Fence: 41, Cluster: "cluster-a",
		},
	})
	require.Equal(t, run.StateSucceeded, r.end(t).State)
	want := []string{
		"PATH=/usr/bin:/bin",
		"LANG=C.UTF-8",
		"HOME=/elsewhere",
		"GREETING=a=b c",
		"BELFRY_JOB=reports/daily",
		"BELFRY_RUN_ID=5f6e",
		"BELFRY_ATTEMPT=2",
		"BELFRY_DUE=2026-03-29T01:30:00Z",
		"BELFRY_FENCE=41",
		"BELFRY_CLUSTER=cluster-a",
	}
	got := strings.Split(strings.TrimSpace(r.stdout.String()), "\n")
	require.Regexp(t, `^BELFRY_TREE=`, got[len(got)-1]) // the keeper's
	require.Empty(t, cmp.Diff(want, got[:len(got)-1]))
}

// A program given without a slash, and one given relative, are found as the
// command itself would find them.
func TestProgramIsFoundFromTheCommandsPlace(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bin", "hello"), []byte("#!/bin/sh\npwd -P\n"), 0o755))
	resolved, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	e := newExecutor(t, exec.Options{})
	for name, c := range map[string]exec.Command{
		"in PATH":          {Args: []string{"hello"}, Env: []string{"PATH=" + dir + "/bin"}},
		"in relative PATH": {Args: []string{"hello"}, Env: []string{"PATH=bin:/bin"}},
		"relative":         {Args: []string{"./bin/hello"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.Dir = dir
			r := begin(t, e, c)
			o := r.end(t)
			require.Equal(t, run.StateSucceeded, o.State, o.StartFailure)
			require.Equal(t, resolved+"\n", r.stdout.String())
		})
	}
}

// Root runs commands as anybody, with their groups and home; anybody else
// only as themselves.
func TestUserSwitch(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	me, err := user.Current()
	require.NoError(t, err)
	const script = `echo "$(id -u) $(id -g) $HOME $USER $LOGNAME"; id -G`
	inEachWay(t, exec.Options{}, func(t *testing.T, e *exec.Executor, _ bool) {
		for _, u := range []*user.User{nobody, me} {
			for _, name := range []string{u.Username, u.Uid} {
				r := begin(t, e, exec.Command{Args: shell(script), User: name})
				o := r.end(t)
				if os.Geteuid() != 0 && u.Uid != me.Uid {
					require.Equal(t, run.StateFailed, o.State)
					require.Contains(t, o.StartFailure, "root")
					require.Contains(t, o.StartFailure, strconv.Quote(name))
					continue
				}
				require.Equal(t, run.StateSucceeded, o.State, o.StartFailure)
				lines := strings.Split(r.stdout.String(), "\n")
				require.Equal(t, fmt.Sprintf("%s %s %s %[4]s %[4]s", u.Uid, u.Gid, u.HomeDir, u.Username), lines[0])
				groups, err := u.GroupIds()
				require.NoError(t, err)
				require.ElementsMatch(t, groups, strings.Fields(lines[1]))
			}
		}
	})
}

// What another user may not execute is a start failure that names the user.
func TestUserMayNotExecute(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "mine")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700))
	e := newExecutor(t, exec.Options{})
	o := begin(t, e, exec.Command{Args: []string{script}, User: "nobody", Dir: "/"}).end(t)
	switch me, err := user.Current(); {
	case err == nil && me.Username == "nobody":
		require.Equal(t, run.StateSucceeded, o.State)
	case os.Geteuid() == 0:
		require.Contains(t, o.StartFailure, `user "nobody" may not execute`)
	default:
		require.Contains(t, o.StartFailure, "root")
	}
}

func TestClosedExecutorStartsNothing(t *testing.T) {
	e := exec.New(exec.Options{Name: uniqueName(t)})
	require.NoError(t, e.Close())
	o := begin(t, e, exec.Command{Args: []string{"/bin/true"}}).end(t)
	require.Contains(t, o.StartFailure, "closed")
}

package exec_test

import (
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
)

// runaway is a script whose grandchild leaves the process group, keeps the
// output, and ignores SIGTERM; its number is in the file by the time the
// script goes on.
func runaway(file string) string {
	return `setsid sh -c 'trap "" TERM HUP; echo $$ >` + file + `; while :; do sleep 0.01; done' &
		until [ -s ` + file + ` ]; do :; done; echo away; `
}

// A process that leaves the group is killed by the keeper, or with the cgroup.
// Without either it gets away, but its hold on the output is cut.
func TestRunawayWhenTheCommandEnds(t *testing.T) {
	inEachWay(t, exec.Options{WaitDelay: 50 * time.Millisecond}, func(t *testing.T, e *exec.Executor, follows bool) {
		file := filepath.Join(t.TempDir(), "pid")
		o, _ := runScript(t, e, runaway(file)+"exit 5")
		require.Equal(t, 5, o.ExitCode)
		requireCaught(t, number(t, file), follows)
	})
}

func TestRunawayWhenTheCommandIsStopped(t *testing.T) {
	o := exec.Options{WaitDelay: 50 * time.Millisecond, KillGrace: 50 * time.Millisecond}
	inEachWay(t, o, func(t *testing.T, e *exec.Executor, follows bool) {
		file := filepath.Join(t.TempDir(), "pid")
		r := begin(t, e, exec.Command{Args: shell(runaway(file) + "sleep 1000")})
		r.waitFor(t, "away")
		r.cancel(errors.New("enough"))
		require.Equal(t, run.StateCancelled, r.end(t).State)
		requireCaught(t, number(t, file), follows)
	})
}

// requireCaught checks that a runaway is dead, or, if it could not be
// caught, alive; it is dead afterwards.
func requireCaught(t *testing.T, pid int, caught bool) {
	t.Helper()
	if caught {
		requireDead(t, pid)
		return
	}
	require.True(t, alive(pid))
	kill(t, pid)
	requireDead(t, pid)
}

// A runaway that is followed is asked to end like everybody else.
func TestRunawayIsAskedToEnd(t *testing.T) {
	inEachWay(t, exec.Options{WaitDelay: 50 * time.Millisecond}, func(t *testing.T, e *exec.Executor, follows bool) {
		dir := t.TempDir()
		file := filepath.Join(dir, "pid")
		asked := filepath.Join(dir, "asked")
		r := begin(t, e, exec.Command{Args: shell(
			`setsid sh -c 'trap "echo yes >` + asked + `; exit" TERM; echo $$ >` + file + `; while :; do sleep 0.01; done' &
			until [ -s ` + file + ` ]; do :; done; echo away; wait`)})
		r.waitFor(t, "away")
		r.cancel(errors.New("enough"))
		r.end(t)
		if follows {
			require.FileExists(t, asked)
		} else {
			require.NoFileExists(t, asked)
		}
		requireCaught(t, number(t, file), follows)
	})
}

// Run does not call out again once it has returned, whoever still writes.
func TestNoOutputAfterReturn(t *testing.T) {
	e := newExecutor(t, exec.Options{WaitDelay: 50 * time.Millisecond})
	file := filepath.Join(t.TempDir(), "pid")
	r := begin(t, e, exec.Command{Args: shell(
		`setsid sh -c 'echo y; echo $$ >` + file + `; exec yes' & until [ -s ` + file + ` ]; do :; done`)})
	require.Equal(t, run.StateSucceeded, r.end(t).State)
	requireDead(t, number(t, file)) // nobody reads what it writes
	require.False(t, r.wroteLate())
	require.Contains(t, r.stdout.String(), "y\n")
}

// Killing a worker kills the command it runs, and the next worker of its
// name kills what had left the command's side.
func TestWorkerKilled(t *testing.T) {
	dir := t.TempDir()
	direct, away := filepath.Join(dir, "direct"), filepath.Join(dir, "away")
	name := uniqueName(t)
	worker := osexec.Command(os.Args[0], name, "echo $$ >"+direct+"; "+runaway(away)+"while :; do sleep 0.01; done")
	worker.Env = append(os.Environ(), "EXEC_TEST_ROLE=worker")
	require.NoError(t, worker.Start())
	command, grandchild := number(t, direct), number(t, away)
	require.True(t, alive(command))

	// As long as it lives, another of its name must not touch its runs.
	other := exec.New(exec.Options{Name: name, Cgroup: true})
	require.NoError(t, other.Close())
	require.True(t, alive(command))

	require.NoError(t, worker.Process.Kill())
	require.Error(t, worker.Wait())
	requireDead(t, command)
	require.True(t, alive(grandchild))

	var log safeBuffer
	next := newExecutor(t, exec.Options{Name: name, Cgroup: true, Log: log.logger()})
	requireCaught(t, grandchild, !strings.Contains(log.String(), "without a cgroup"))
	o, _ := runScript(t, next, "exit 0")
	require.Equal(t, run.StateSucceeded, o.State)
}

func TestProcessorTime(t *testing.T) {
	inEachWay(t, exec.Options{}, func(t *testing.T, e *exec.Executor, follows bool) {
		o, _ := runScript(t, e, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
		require.Positive(t, o.CPUTime)
		require.Less(t, o.CPUTime, time.Minute)

		// Nobody waits for the one who works here: only a cgroup counts it.
		file := filepath.Join(t.TempDir(), "done")
		o, _ = runScript(t, e, `(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo >`+file+`; sleep 1000) &
			until [ -s `+file+` ]; do sleep 0.01; done`)
		if follows {
			require.Greater(t, o.CPUTime, 30*time.Millisecond)
		}
	})
}

// The kernel begins a command's peak with that of its worker, which must not
// be taken for the command's own.
func TestPeakMemory(t *testing.T) {
	require.Less(t, meter(t, "exit 0"), int64(workerBytes))
	peak := meter(t, "dd if=/dev/zero of=/dev/null bs=400M count=1; true")
	require.GreaterOrEqual(t, peak, int64(400<<20))
	require.Less(t, peak, int64(450<<20))
}

// meter is the peak, in bytes, that a worker of its own reports of a script.
func meter(t *testing.T, script string) int64 {
	t.Helper()
	worker := osexec.Command(os.Args[0], uniqueName(t), script)
	worker.Env = append(os.Environ(), "EXEC_TEST_ROLE=meter")
	text, err := worker.Output()
	require.NoError(t, err)
	peak, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	require.NoError(t, err)
	return peak
}

// The memory of a command smaller than its worker is known if it was looked
// at while it ran, as it is when it is stopped.
func TestMemoryIsSeenBeforeTheEnd(t *testing.T) {
	inEachWay(t, exec.Options{}, func(t *testing.T, e *exec.Executor, _ bool) {
		fifo := newFifo(t)
		r := begin(t, e, exec.Command{
			// exec, so that without a cgroup too it is the process to look at.
			Args: shell("exec 3<>" + fifo + "; exec \"" + os.Args[0] + "\" <&3"),
			Env:  []string{"EXEC_TEST_ROLE=hog"},
			Dir:  mustGetwd(t),
		})
		r.waitFor(t, "ready")
		r.cancel(errors.New("enough"))
		o := r.end(t)
		require.GreaterOrEqual(t, o.PeakMemoryBytes, int64(hogBytes))
	})
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	return dir
}

package exec_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
)

// Exit codes and signals are told apart.
func TestEnds(t *testing.T) {
	inEachWay(t, exec.Options{}, func(t *testing.T, e *exec.Executor, _ bool) {
		for script, want := range map[string]run.Outcome{
			"exit 0":         {State: run.StateSucceeded},
			"exit 3":         {State: run.StateFailed, ExitCode: 3},
			"exit 255":       {State: run.StateFailed, ExitCode: 255},
			"kill -SEGV $$":  {State: run.StateFailed, ExitCode: -1, Signal: "SIGSEGV"},
			"kill -KILL $$":  {State: run.StateFailed, ExitCode: -1, Signal: "SIGKILL"},
			"exec /bin/true": {State: run.StateSucceeded},
		} {
			before := time.Now()
			got, _ := runScript(t, e, script)
			require.False(t, got.StartedAt.Before(before.Add(-time.Second)), script)
			require.False(t, got.EndedAt.Before(got.StartedAt), script)
			require.Equal(t, want,
				run.Outcome{State: got.State, ExitCode: got.ExitCode, Signal: got.Signal, Reason: got.Reason, StartFailure: got.StartFailure},
				script)
		}
	})
}

// However much a command writes, on both streams at once, all of it arrives.
func TestOutputFillsThePipe(t *testing.T) {
	const size = 5_000_000
	inEachWay(t, exec.Options{}, func(t *testing.T, e *exec.Executor, _ bool) {
		r := begin(t, e, exec.Command{Args: shell(
			"head -c 5000000 /dev/zero >&2 & head -c 5000000 /dev/zero; wait; echo end")})
		require.Equal(t, run.StateSucceeded, r.end(t).State)
		require.Equal(t, size+len("end\n"), r.stdout.Len())
		require.Equal(t, size, r.stderr.Len())
	})
}

// A command that has closed its output is still waited for.
func TestOutputClosed(t *testing.T) {
	inEachWay(t, exec.Options{}, func(t *testing.T, e *exec.Executor, _ bool) {
		fifo := newFifo(t)
		r := begin(t, e, exec.Command{Args: shell("exec >&- 2>&-; read line <" + fifo + "; exit 4")})
		release(t, fifo)
		require.Equal(t, 4, r.end(t).ExitCode)
		require.Zero(t, r.stdout.Len())
	})
}

// Input larger than a pipe reaches a command that reads it, and does not
// hold up one that does not.
func TestStdin(t *testing.T) {
	e := newExecutor(t, exec.Options{})
	input := strings.Repeat("line\n", 200_000)

	r := begin(t, e, exec.Command{Args: []string{"cat"}, Stdin: input})
	require.Equal(t, run.StateSucceeded, r.end(t).State)
	require.Equal(t, input, r.stdout.String())

	r = begin(t, e, exec.Command{Args: []string{"true"}, Stdin: input})
	require.Equal(t, run.StateSucceeded, r.end(t).State)

	r = begin(t, e, exec.Command{Args: []string{"cat"}})
	require.Equal(t, run.StateSucceeded, r.end(t).State)
	require.Zero(t, r.stdout.Len())
}

// What a command leaves running when it ends is killed, although it holds
// the output open, and does not delay the outcome.
func TestLeftoversAreKilled(t *testing.T) {
	inEachWay(t, exec.Options{WaitDelay: time.Hour}, func(t *testing.T, e *exec.Executor, _ bool) {
		file := filepath.Join(t.TempDir(), "pid")
		o, _ := runScript(t, e, "trap '' TERM HUP; sleep 1000 & echo $! >"+file)
		require.Equal(t, run.StateSucceeded, o.State)
		requireDead(t, number(t, file))
	})
}

// A command that ignores SIGTERM is killed after the grace.
func TestTermIgnored(t *testing.T) {
	inEachWay(t, exec.Options{KillGrace: 50 * time.Millisecond}, func(t *testing.T, e *exec.Executor, _ bool) {
		file := filepath.Join(t.TempDir(), "pid")
		r := begin(t, e, exec.Command{Args: shell(
			"trap '' TERM; sleep 1000 & echo $! >" + file + "; echo ready; wait; wait; echo never")})
		r.waitFor(t, "ready")
		child := number(t, file)
		r.cancel(errors.New("the worker leaves"))
		o := r.end(t)
		require.Equal(t, run.StateCancelled, o.State)
		require.Equal(t, "the worker leaves", o.Reason)
		require.Equal(t, "SIGKILL", o.Signal)
		require.Equal(t, -1, o.ExitCode)
		require.NotContains(t, r.stdout.String(), "never")
		requireDead(t, child)
	})
}

// A command is asked to end first, and how it answers is in the outcome.
func TestTermHeard(t *testing.T) {
	inEachWay(t, exec.Options{KillGrace: time.Hour}, func(t *testing.T, e *exec.Executor, _ bool) {
		r := begin(t, e, exec.Command{
			Args:    shell("trap 'echo tidied; exit 7' TERM; echo ready; sleep 1000 & wait"),
			Timeout: 300 * time.Millisecond,
		})
		o := r.end(t)
		require.Equal(t, run.StateTimedOut, o.State)
		require.Equal(t, 7, o.ExitCode)
		require.Empty(t, o.Signal)
		require.Equal(t, "ready\ntidied\n", r.stdout.String())
		require.GreaterOrEqual(t, o.EndedAt.Sub(o.StartedAt), 300*time.Millisecond)
	})
}

// A timeout is told apart from the command's own end by a signal.
func TestTimeout(t *testing.T) {
	inEachWay(t, exec.Options{}, func(t *testing.T, e *exec.Executor, _ bool) {
		o := begin(t, e, exec.Command{Args: []string{"sleep", "1000"}, Timeout: 20 * time.Millisecond}).end(t)
		require.Equal(t, run.StateTimedOut, o.State)
		require.Equal(t, "SIGTERM", o.Signal)
		require.Empty(t, o.Reason)

		o = begin(t, e, exec.Command{Args: shell("kill -TERM $$"), Timeout: time.Hour}).end(t)
		require.Equal(t, run.StateFailed, o.State)
		require.Equal(t, "SIGTERM", o.Signal)
	})
}

// A shell dies of SIGTERM at once; what it runs has the whole grace.
func TestGraceIsForTheWholeTree(t *testing.T) {
	inEachWay(t, exec.Options{KillGrace: time.Hour}, func(t *testing.T, e *exec.Executor, _ bool) {
		fifo := newFifo(t)
		r := begin(t, e, exec.Command{Args: shell(
			`sh -c 'trap "echo asked; read line <` + fifo + `; echo tidied; exit 0" TERM
			        echo ready; while :; do sleep 0.01; done' & wait`)})
		r.waitFor(t, "ready")
		r.cancel(errors.New("enough"))
		r.waitFor(t, "asked")
		release(t, fifo)
		o := r.end(t)
		require.Equal(t, "SIGTERM", o.Signal)
		require.Contains(t, r.stdout.String(), "tidied")
	})
}

// But no more than that.
func TestGraceOfTheRestEnds(t *testing.T) {
	inEachWay(t, exec.Options{KillGrace: 100 * time.Millisecond}, func(t *testing.T, e *exec.Executor, _ bool) {
		file := filepath.Join(t.TempDir(), "pid")
		r := begin(t, e, exec.Command{Args: shell(
			`sh -c 'trap "" TERM; echo $$ >` + file + `; echo ready; while :; do sleep 0.01; done' & wait`)})
		r.waitFor(t, "ready")
		rest := number(t, file)
		r.cancel(errors.New("enough"))
		o := r.end(t)
		require.Equal(t, "SIGTERM", o.Signal)
		requireDead(t, rest)
	})
}

// A stopped command is woken to hear that it should end.
func TestStoppedCommandEnds(t *testing.T) {
	inEachWay(t, exec.Options{KillGrace: time.Hour}, func(t *testing.T, e *exec.Executor, _ bool) {
		file := filepath.Join(t.TempDir(), "pid")
		r := begin(t, e, exec.Command{Args: shell("trap 'exit 9' TERM; echo $$ >" + file + "; kill -STOP $$; exit 1")})
		pid := number(t, file)
		require.Eventually(t, func() bool { return strings.HasPrefix(stateOf(pid), "T") }, patience, time.Millisecond)
		r.cancel(errors.New("enough"))
		require.Equal(t, 9, r.end(t).ExitCode)
	})
}

func TestCancelledBeforeTheStart(t *testing.T) {
	e := newExecutor(t, exec.Options{})
	file := filepath.Join(t.TempDir(), "ran")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("recalled"))
	o := e.Run(ctx, exec.Command{Args: []string{"touch", file}}, func(string, []byte) {})
	require.Equal(t, run.StateCancelled, o.State)
	require.Equal(t, "recalled", o.Reason)
	require.Equal(t, -1, o.ExitCode)
	require.Zero(t, o.StartedAt)
	require.NoFileExists(t, file)
}

// The thread that starts commands outlives all others: commands that would
// be killed with it are not when Go ends threads.
func TestCommandsOutliveThreads(t *testing.T) {
	e := newExecutor(t, exec.Options{})
	fifo := newFifo(t)
	r := begin(t, e, exec.Command{Args: shell("echo ready; read line <" + fifo)})
	r.waitFor(t, "ready")
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() { runtime.LockOSThread() }) // never unlocked: the thread ends
	}
	group.Wait()
	release(t, fifo)
	require.Equal(t, run.StateSucceeded, r.end(t).State)
}

// Many at once, and nothing is left open once the executor is closed.
func TestManyAtOnce(t *testing.T) {
	for _, cgroup := range []bool{false, true} {
		before := openFiles(t)
		e := exec.New(exec.Options{Name: uniqueName(t), Cgroup: cgroup})
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for range 10 {
					var got safeBuffer
					o := e.Run(t.Context(), exec.Command{Args: []string{"echo", "hello"}, Stdin: "x"},
						func(_ string, p []byte) { got.write(p) })
					if o.State != run.StateSucceeded || got.String() != "hello\n" {
						t.Errorf("got %+v and %q", o, got.String())
					}
				}
			})
		}
		group.Wait()
		require.NoError(t, e.Close())
		// The runtime gives a process's handle back when it is done with it.
		require.Eventually(t, func() bool { return openFiles(t) <= before }, patience, time.Millisecond)
	}
}

// openFiles counts this process's open files.
func openFiles(t *testing.T) int {
	t.Helper()
	dir, err := os.Open("/dev/fd")
	require.NoError(t, err)
	defer func() { require.NoError(t, dir.Close()) }()
	names, err := dir.Readdirnames(-1)
	if !errors.Is(err, io.EOF) {
		require.NoError(t, err)
	}
	return len(names)
}

// Without cgroups commands run all the same, and the log says so once.
func TestWithoutCgroupIsSaidOnce(t *testing.T) {
	var log safeBuffer
	// No path can be as long.
	e := newExecutor(t, exec.Options{Name: strings.Repeat("n", 5000), Cgroup: true, Log: log.logger()})
	for range 2 {
		o, out := runScript(t, e, "echo hello")
		require.Equal(t, run.StateSucceeded, o.State)
		require.Equal(t, "hello\n", out)
	}
	require.Equal(t, 1, strings.Count(log.String(), "without a cgroup"), log.String())
}

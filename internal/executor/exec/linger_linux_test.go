package exec_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
)

// background is a script that leaves a process of its own group behind, which
// holds none of its output.
func background(file string) string {
	return `sh -c 'echo $$ >` + file + `; exec sleep 1000' >/dev/null 2>&1 &
		until [ -s ` + file + ` ]; do :; done; echo left; `
}

// A process that a command leaves in the background ends with it, unless the
// command may linger. Every host does the same.
func TestLinger(t *testing.T) {
	inEachWay(t, exec.Options{WaitDelay: 50 * time.Millisecond}, func(t *testing.T, e *exec.Executor, _ bool) {
		for _, linger := range []bool{false, true} {
			file := filepath.Join(t.TempDir(), "pid")
			r := begin(t, e, exec.Command{Args: shell(background(file) + "exit 5"), Linger: linger})
			require.Equal(t, 5, r.end(t).ExitCode)
			requireCaught(t, number(t, file), !linger)
		}
	})
}

// A command that lingers is ended as a whole by a stop and by its timeout.
func TestLingerEndsWithAStop(t *testing.T) {
	inEachWay(t, exec.Options{WaitDelay: 50 * time.Millisecond, KillGrace: 50 * time.Millisecond}, func(t *testing.T, e *exec.Executor, _ bool) {
		file := filepath.Join(t.TempDir(), "pid")
		r := begin(t, e, exec.Command{Args: shell(background(file) + "sleep 1000"), Linger: true})
		r.waitFor(t, "left")
		r.cancel(errors.New("enough"))
		require.Equal(t, run.StateCancelled, r.end(t).State)
		requireDead(t, number(t, file))

		file = filepath.Join(t.TempDir(), "pid")
		r = begin(t, e, exec.Command{Args: shell(background(file) + "sleep 1000"), Linger: true, Timeout: time.Second})
		require.Equal(t, run.StateTimedOut, r.end(t).State)
		requireDead(t, number(t, file))
	})
}

// ~ is the home of whoever the command runs as.
func TestHomeIsTheWorkingDirectory(t *testing.T) {
	home := t.TempDir()
	for _, tt := range []struct{ home, want string }{{home, home}, {filepath.Join(home, "gone"), "/"}} {
		t.Setenv("HOME", tt.home)
		e := newExecutor(t, exec.Options{})
		r := begin(t, e, exec.Command{Args: shell("pwd"), Dir: "~"})
		require.Equal(t, run.StateSucceeded, r.end(t).State)
		require.Equal(t, tt.want+"\n", r.stdout.String())
	}
}

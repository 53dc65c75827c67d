package exec_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/keeper"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestMain lets the test binary be another process: EXEC_TEST_ROLE says
// which, and its first argument, that it is a keeper.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == keeperArgv()[1] {
		os.Exit(keeper.Main(os.Args[2:], os.Stderr))
	}
	switch os.Getenv("EXEC_TEST_ROLE") {
	case "worker":
		beWorker()
	case "first":
		beFirst()
	case "meter":
		beMeter()
	case "hog":
		beHog()
	default:
		os.Exit(m.Run())
	}
}

// keeperArgv makes the test binary a keeper.
func keeperArgv() []string { return []string{"belfry-test", "keeper"} }

// beWorker is a worker that runs the shell script in its arguments, in an
// executor of the name given, until it is killed. A third argument says that
// it has a keeper.
func beWorker() {
	o := exec.Options{Name: os.Args[1], Cgroup: true, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if len(os.Args) > 3 {
		o.Keeper, o.Cgroup = keeperArgv(), os.Args[3] == "cgroup"
	}
	e := exec.New(o)
	e.Run(context.Background(), exec.Command{Args: shell(os.Args[2])}, func(_ string, p []byte) { fmt.Print(string(p)) })
}

// beFirst is a worker that is the first process of a container. It runs the
// script, ends its keeper, and waits until there are no zombies.
func beFirst() {
	e := exec.New(exec.Options{Name: "first", Keeper: keeperArgv()})
	var out strings.Builder
	ran := func(script string) string {
		out.Reset()
		o := e.Run(context.Background(), exec.Command{Args: shell(script), Timeout: patience},
			func(_ string, p []byte) { out.Write(p) })
		return strings.TrimSpace(out.String()) + " " + string(o.State)
	}
	fmt.Println(ran(os.Args[1]))
	pid, err := strconv.Atoi(strings.Fields(ran("echo $PPID"))[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		fmt.Println(err)
		return
	}
	again := ran(noZombies)
	for strings.HasSuffix(again, string(run.StateLost)) { // it was given to the keeper that was dying
		again = ran(noZombies)
	}
	fmt.Println(again)
}

// noZombies waits until no dead process is unreaped.
const noZombies = `until ! ps -e -o stat= | grep -q ^Z; do sleep 0.01; done; echo none`

// workerBytes is the memory of a worker that is a meter.
const workerBytes = 30 << 20

// beMeter is a worker of some size that runs one script, prints the script's
// peak memory in bytes, and ends.
func beMeter() {
	ballast := bytes.Repeat([]byte{1}, workerBytes)
	e := exec.New(exec.Options{Name: os.Args[1], Cgroup: true})
	o := e.Run(context.Background(), exec.Command{Args: shell(os.Args[2])}, func(string, []byte) {})
	if err := e.Close(); err != nil || o.State != run.StateSucceeded || len(ballast) == 0 {
		fmt.Println(err, o)
		return
	}
	fmt.Println(o.PeakMemoryBytes)
}

// hogBytes is what a hog holds: more than nothing, less than the tests.
const hogBytes = 12 << 20

// beHog holds memory until its input ends.
func beHog() {
	held := bytes.Repeat([]byte{1}, hogBytes)
	fmt.Println("ready")
	_, _ = os.Stdin.Read(held[:1])
}

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

// patience bounds every wait for another process.
const patience = 20 * time.Second

// inEachWay runs a test with and without a keeper, each with process groups
// only and with cgroups, where the host lets this user have them. follows says
// whether processes that leave their group are followed.
func inEachWay(t *testing.T, o exec.Options, test func(t *testing.T, e *exec.Executor, follows bool)) {
	t.Helper()
	for _, way := range []struct {
		name           string
		keeper, cgroup bool
	}{{"group", false, false}, {"cgroup", false, true}, {"keeper", true, false}, {"keeper and cgroup", true, true}} {
		t.Run(way.name, func(t *testing.T) {
			var log safeBuffer
			o := o
			o.Name, o.Cgroup, o.Log = uniqueName(t), way.cgroup, log.logger()
			if way.keeper {
				o.Keeper = keeperArgv()
			}
			e := exec.New(o)
			t.Cleanup(func() { require.NoError(t, e.Close()) })
			require.NotContains(t, log.String(), "without a keeper")
			test(t, e, way.keeper || way.cgroup && !strings.Contains(log.String(), "without a cgroup"))
		})
	}
}

// newExecutor returns an executor with a keeper, as workers have them.
func newExecutor(t *testing.T, o exec.Options) *exec.Executor {
	t.Helper()
	o.Keeper, o.Name = keeperArgv(), cmp.Or(o.Name, uniqueName(t))
	e := exec.New(o)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func uniqueName(t *testing.T) string {
	return fmt.Sprintf("%s-%d", t.Name(), os.Getpid())
}

// running is a command that a test has started.
type running struct {
	stdout, stderr safeBuffer
	cancel         context.CancelCauseFunc
	outcome        chan run.Outcome
	over           sync.Mutex
	late           bool
}

// begin runs c in the background.
func begin(t *testing.T, e *exec.Executor, c exec.Command) *running {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	r := &running{cancel: cancel, outcome: make(chan run.Outcome, 1)}
	returned := false
	go func() {
		o := e.Run(ctx, c, func(stream string, p []byte) {
			r.over.Lock()
			r.late = r.late || returned
			r.over.Unlock()
			if stream == exec.Stdout {
				r.stdout.write(p)
			} else {
				r.stderr.write(p)
			}
		})
		r.over.Lock()
		returned = true
		r.over.Unlock()
		r.outcome <- o
	}()
	return r
}

// waitFor waits until the command has printed text.
func (r *running) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(r.stdout.String(), text) },
		patience, time.Millisecond, "command never printed %q", text)
}

// end waits for the outcome.
func (r *running) end(t *testing.T) run.Outcome {
	t.Helper()
	select {
	case o := <-r.outcome:
		return o
	case <-time.After(patience):
		require.Fail(t, "the run never ended")
		return run.Outcome{}
	}
}

// wroteLate reports whether output came after Run had returned.
func (r *running) wroteLate() bool {
	r.over.Lock()
	defer r.over.Unlock()
	return r.late
}

// runScript runs a shell script to its end.
func runScript(t *testing.T, e *exec.Executor, script string) (run.Outcome, string) {
	t.Helper()
	r := begin(t, e, exec.Command{Args: shell(script)})
	o := r.end(t)
	return o, r.stdout.String()
}

// number reads the process number that a script has left in a file.
func number(t *testing.T, file string) int {
	t.Helper()
	var pid int
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		if err != nil || !bytes.HasSuffix(text, []byte("\n")) {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	}, patience, time.Millisecond, "no process number in %s", file)
	return pid
}

// stateOf is the state letter of a process as ps shows it; "" if it is gone.
func stateOf(pid int) string {
	text, err := osexec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// alive counts a dead process that nobody has reaped as dead.
func alive(pid int) bool {
	state := stateOf(pid)
	return state != "" && !strings.HasPrefix(state, "Z")
}

func requireDead(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return !alive(pid) }, patience, 5*time.Millisecond, "process %d lives", pid)
}

// kill ends a process that a test expects to be alive.
func kill(t *testing.T, pid int) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

func newFifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

// release lets a script go on that reads a line from the fifo.
func release(t *testing.T, fifo string) {
	t.Helper()
	require.Eventually(t, func() bool {
		f, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if errors.Is(err, syscall.ENXIO) { // nobody reads yet
			return false
		}
		require.NoError(t, err)
		_, err = f.WriteString("go\n")
		require.NoError(t, errors.Join(err, f.Close()))
		return true
	}, patience, time.Millisecond, "nobody reads %s", fifo)
}

package exec_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
)

// daemon is a script that leaves a process behind in some way, whose number
// is in the file by the time the script goes on.
func daemon(form, file string) string {
	stay := `sh -c "echo \$\$ >` + file + `.new; mv ` + file + `.new ` + file + `; exec sleep 1000"`
	return strings.ReplaceAll(form, "STAY", stay) + "\nuntil [ -s " + file + " ]; do sleep 0.01; done\n"
}

// daemons are ways to stay when a command ends.
func daemons() map[string]string {
	return map[string]string{
		"child":           `STAY &`,
		"nohup":           `nohup STAY >/dev/null 2>&1 &`,
		"session":         `setsid sh -c '` + `STAY & ' `,
		"double fork":     `(setsid sh -c '(STAY >/dev/null 2>&1 &)' >/dev/null 2>&1 &)`,
		"no environment":  `(env -i PATH="$PATH" STAY &)`,
		"stray":           `(env -i PATH="$PATH" setsid sh -c '(STAY >/dev/null 2>&1 &)' >/dev/null 2>&1 &)`,
		"kin of a known":  `(setsid sh -c '(sleep 1000 & env -i PATH="$PATH" STAY &)' >/dev/null 2>&1 &)`,
		"below a stopped": `setsid sh -c 'STAY & kill -STOP $$' & `,
	}
}

// Nothing of a command outlives it, in whatever way it was left, and however
// the command ends.
func TestNothingOutlivesItsCommand(t *testing.T) {
	for name, form := range daemons() {
		t.Run(name, func(t *testing.T) {
			e := newExecutor(t, exec.Options{KillGrace: 50 * time.Millisecond, WaitDelay: time.Hour})
			dir := t.TempDir()
			o, _ := runScript(t, e, daemon(form, dir+"/ended")+"exit 5")
			require.Equal(t, 5, o.ExitCode)
			require.False(t, alive(number(t, dir+"/ended")), "after the end")

			r := begin(t, e, exec.Command{Args: shell(daemon(form, dir+"/stopped") + "echo ready; exec sleep 1000")})
			r.waitFor(t, "ready")
			r.cancel(errors.New("enough"))
			require.Equal(t, run.StateCancelled, r.end(t).State)
			require.False(t, alive(number(t, dir+"/stopped")), "after the stop")
		})
	}
}

// The end of a command leaves alone what others have running, save that a
// stray goes with the last that may have started it.
func TestEachCommandHasItsOwnTree(t *testing.T) {
	for name, form := range daemons() {
		t.Run(name, func(t *testing.T) {
			e := newExecutor(t, exec.Options{})
			dir, fifo := t.TempDir(), newFifo(t)
			r := begin(t, e, exec.Command{Args: shell(daemon(form, dir+"/one") + "echo ready; read line <" + fifo)})
			r.waitFor(t, "ready")
			one := number(t, dir+"/one")

			o, _ := runScript(t, e, daemon(form, dir+"/other"))
			require.Equal(t, run.StateSucceeded, o.State)
			require.True(t, alive(one))
			require.Equal(t, name == "stray", alive(number(t, dir+"/other")))

			release(t, fifo)
			require.Equal(t, run.StateSucceeded, r.end(t).State)
			require.False(t, alive(one))
			require.False(t, alive(number(t, dir+"/other")))
		})
	}
}

// kill -9 of a worker ends its commands, with all they have started, and its
// keeper, with and without cgroups.
func TestNothingOutlivesAKilledWorker(t *testing.T) {
	for _, cgroup := range []string{"group", "cgroup"} {
		t.Run(cgroup, func(t *testing.T) {
			dir := t.TempDir()
			var script strings.Builder
			for name, form := range daemons() {
				script.WriteString(daemon(form, filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))))
			}
			script.WriteString("echo $PPID >" + dir + "/keeper; echo $$ >" + dir + "/command; while :; do sleep 0.01; done")
			worker := osexec.Command(os.Args[0], uniqueName(t), script.String(), cgroup)
			worker.Env = append(os.Environ(), "EXEC_TEST_ROLE=worker")
			require.NoError(t, worker.Start())
			number(t, dir+"/command")
			files, err := filepath.Glob(dir + "/*")
			require.NoError(t, err)
			require.Len(t, files, len(daemons())+2)
			for _, file := range files {
				require.True(t, alive(number(t, file)), file)
			}
			require.NoError(t, worker.Process.Kill())
			require.Error(t, worker.Wait())
			died := time.Now()
			for _, file := range files {
				requireDead(t, number(t, file))
			}
			t.Log("all dead after", time.Since(died))
		})
	}
}

// A keeper that is killed takes its commands with it: they are lost, nothing
// of them runs on, it is counted, and the next command has another keeper.
func TestKeeperKilled(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := newExecutor(t, exec.Options{Registry: registry})
	dir := t.TempDir()
	forms := []string{daemons()["session"], daemons()["double fork"], daemons()["no environment"]}
	var script strings.Builder
	for i, form := range forms {
		script.WriteString(daemon(form, filepath.Join(dir, strconv.Itoa(i))))
	}
	r := begin(t, e, exec.Command{Args: shell(script.String() + "echo $PPID >" + dir + "/keeper; sleep 1000")})
	kill(t, number(t, dir+"/keeper"))
	o := r.end(t)
	require.Equal(t, run.StateLost, o.State)
	require.Equal(t, run.ReasonKeeperLost, o.Reason)
	require.Equal(t, -1, o.ExitCode)
	for i := range forms {
		require.False(t, alive(number(t, filepath.Join(dir, strconv.Itoa(i)))), forms[i])
	}
	o, out := runScript(t, e, "echo again")
	require.Equal(t, run.StateSucceeded, o.State, o.StartFailure)
	require.Equal(t, "again\n", out)
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	require.Equal(t, "belfry_keeper_deaths_total", families[0].GetName())
	require.InDelta(t, 1, families[0].GetMetric()[0].GetCounter().GetValue(), 0)
}

// Processes that worker and keeper left, both killed at once, are killed by the
// next keeper of the name; those of a living one it leaves alone.
func TestLeftoversOfAnEarlierLife(t *testing.T) {
	dir, name := t.TempDir(), uniqueName(t)
	script := daemon(daemons()["double fork"], dir+"/away") + "echo $PPID >" + dir + "/keeper; sleep 1000"
	worker := osexec.Command(os.Args[0], name, script, "group")
	worker.Env = append(os.Environ(), "EXEC_TEST_ROLE=worker")
	require.NoError(t, worker.Start())
	pid, away := number(t, dir+"/keeper"), number(t, dir+"/away")

	newExecutor(t, exec.Options{Name: name})
	require.True(t, alive(away))

	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP)) // it must not learn of the other's death
	require.NoError(t, worker.Process.Kill())
	require.Error(t, worker.Wait())
	kill(t, pid)
	requireDead(t, pid)
	require.True(t, alive(away))
	newExecutor(t, exec.Options{Name: name})
	require.False(t, alive(away))
}

// A command has its three files and no descriptor of worker or keeper, also
// not one that the worker was started with.
func TestNoDescriptorReachesCommands(t *testing.T) {
	inherited, other, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, errors.Join(inherited.Close(), other.Close())) }()
	for _, way := range [][]string{{}, {"group"}, {"cgroup"}} {
		worker := osexec.Command(os.Args[0], append([]string{uniqueName(t), "ls /proc/self/fd"}, way...)...)
		worker.Env = append(os.Environ(), "EXEC_TEST_ROLE=worker")
		worker.ExtraFiles = []*os.File{inherited, other}
		out, err := worker.Output()
		require.NoError(t, err)
		require.Equal(t, "0\n1\n2\n3\n", string(out), way) // 3 is how ls reads the folder
	}
}

// As the first process of a container a worker leaves no zombies: its
// keeper reaps the orphans of commands, and it those of nobody.
func TestFirstProcessLeavesNoZombies(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making a process namespace needs root")
	}
	dir := t.TempDir()
	// The last of them belongs to no command: it comes from outside, through
	// nsenter, as what is run in a container by hand does.
	script := `cd ` + dir + `; for i in 1 2 3; do (setsid sh -c "(sh -c 'echo >'$i &)" &); done
		until [ -e 1 ] && [ -e 2 ] && [ -e 3 ]; do sleep 0.01; done
		echo >ready; until [ -e outside ]; do sleep 0.01; done; ` + noZombies
	c := osexec.Command("unshare", "--pid", "--fork", "--mount-proc", os.Args[0], script)
	c.Env = append(os.Environ(), "EXEC_TEST_ROLE=first")
	var out safeBuffer
	c.Stdout = &out
	require.NoError(t, c.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(dir + "/ready"); return err == nil }, patience, time.Millisecond)
	first, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", c.Process.Pid))
	require.NoError(t, err)
	outside, err := osexec.Command("nsenter", "--pid", "--target", strings.TrimSpace(string(first)),
		"sh", "-c", "(sh -c 'echo >"+dir+"/outside' &)").CombinedOutput()
	require.NoError(t, err, string(outside))
	require.NoError(t, c.Wait())
	require.Equal(t, "none succeeded\nnone succeeded\n", out.String())
}

// A thousand commands at once run, and are told apart.
func TestAThousandCommands(t *testing.T) {
	e := newExecutor(t, exec.Options{})
	fifo := newFifo(t)
	all := make([]*running, 1000)
	for i := range all {
		all[i] = begin(t, e, exec.Command{Args: shell(fmt.Sprintf("echo ready $PPID; read line <%s; exit %d", fifo, i%200))})
	}
	for _, r := range all {
		r.waitFor(t, "ready")
	}
	pid := strings.Fields(all[0].stdout.String())[1]
	status, err := os.ReadFile("/proc/" + pid + "/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM") || strings.HasPrefix(line, "Threads") {
			t.Log(strings.TrimSpace(line))
		}
	}
	f, err := os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = io.WriteString(f, strings.Repeat("go\n", 20_000))
	require.NoError(t, err)
	for i, r := range all {
		require.Equal(t, i%200, r.end(t).ExitCode)
	}
	require.NoError(t, f.Close())
}

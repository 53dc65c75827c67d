package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

// nobody is an account without rights, to be where the tests run as root.
const nobody = 65534

// asNobody has a process run without rights, if the test has any to lose.
func asNobody() *syscall.SysProcAttr {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// ownFolder is a folder that a process without rights owns and can reach, with
// the program in it.
func ownFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	self, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	defer func() { require.NoError(t, self.Close()) }()
	program, err := os.OpenFile(filepath.Join(dir, "belfry"), os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(program, self)
	require.NoError(t, err)
	require.NoError(t, program.Close())
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}
	return dir
}

// spy reads what a command can see of other processes: it looks through the
// environments, arguments and memory of all processes, and says where it
// found the word, whose letters stand apart lest it find itself.
const spy = `
jobs:
  - name: spy
    command: |
      word=$(printf '%s%s' hunter two-secret)
      for p in /proc/[0-9]*; do
        pid=${p#/proc/}
        [ "$pid" = $$ ] && continue
        grep -qa "$word" $p/environ 2>/dev/null && echo "environ of $pid"
        grep -qa "$word" $p/cmdline 2>/dev/null && echo "arguments of $pid"
        head -c 1 $p/environ >/dev/null 2>&1 && echo "readable: $pid"
        dd if=$p/mem of=/dev/null bs=1 count=0 2>/dev/null && echo "memory of: $pid"
      done
      env | grep -a SASL
      echo looked
`

// TestCommandsCannotReadThePassword: a command of the worker's own user finds
// the password neither in the environment of any process nor in the arguments,
// and cannot read the memory of the process that has it.
func TestCommandsCannotReadThePassword(t *testing.T) {
	t.Run("of the worker's user", func(t *testing.T) {
		pid, found := spyOn(t, asNobody())
		requireHidden(t, found)
		require.NotContains(t, found, fmt.Sprintf("readable: %d\n", pid))
		require.NotContains(t, found, fmt.Sprintf("memory of: %d\n", pid))
	})
	t.Run("of root", func(t *testing.T) { // whom no lock keeps out
		if os.Geteuid() != 0 {
			t.Skip("only root can run as root")
		}
		_, found := spyOn(t, nil)
		requireHidden(t, found)
	})
}

func requireHidden(t *testing.T, found string) {
	t.Helper()
	require.Contains(t, found, "looked")
	require.NotContains(t, found, "environ of")
	require.NotContains(t, found, "arguments of")
	require.NotContains(t, found, "SASL")
}

// spyOn starts an up that is given a password, and returns what a command that
// it runs sees.
func spyOn(t *testing.T, who *syscall.SysProcAttr) (pid int, found string) {
	t.Helper()
	dir := ownFolder(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "jobs.yaml"), []byte(spy), 0o644))
	addr, err := freeAddr()
	require.NoError(t, err)
	environment := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "BELFRY_LISTEN=" + addr, "BELFRY_BROKERS=" + addr}
	up := exec.Command(filepath.Join(dir, "belfry"), "up", "--jobs", "jobs.yaml", "--quiet", "--clusters", "cluster-a")
	up.Dir, up.SysProcAttr = dir, who
	up.Env = append(environment, "BELFRY_SASL_PASSWORD=huntertwo-secret")
	up.Stderr = t.Output()
	require.NoError(t, up.Start())
	defer func() {
		_ = up.Process.Signal(syscall.SIGINT)
		_ = up.Wait()
	}()
	require.Eventually(t, func() bool {
		var answer bytes.Buffer
		ask := exec.Command(filepath.Join(dir, "belfry"), "run", "spy", "--follow")
		ask.Dir, ask.Env, ask.Stdout, ask.Stderr, ask.SysProcAttr = dir, environment, &answer, &answer, who
		err := ask.Run()
		found = answer.String()
		return err == nil
	}, awaitLimit, 100*time.Millisecond)
	return up.Process.Pid, found
}

// TestAPasswordThatIsHiddenIsUsed: what is blanked for others is still what
// Kafka is told, whichever way it was given.
func TestAPasswordThatIsHiddenIsUsed(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "bob", "huntertwo-secret"))
	require.NoError(t, err)
	defer broker.Close()
	for name, given := range map[string]struct{ args, env []string }{
		"variable":   {env: []string{"BELFRY_SASL_PASSWORD=huntertwo-secret"}},
		"flag":       {args: []string{"--sasl-password", "huntertwo-secret"}},
		"flag and =": {args: []string{"--sasl-password=huntertwo-secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			ask := exec.Command("belfry", append([]string{
				"topics", "create", "--sasl-mechanism", "PLAIN", "--sasl-user", "bob", "--brokers", broker.ListenAddrs()[0],
			}, given.args...)...)
			ask.Dir, ask.Env = t.TempDir(), append(os.Environ(), given.env...)
			answer, err := ask.CombinedOutput()
			require.NoError(t, err, "%s", answer)
		})
	}
}

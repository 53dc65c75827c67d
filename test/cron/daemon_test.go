//go:build linux

package cron

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// second is when within a minute the daemon is woken; by itself it
	// wakes one second into each.
	second = 2

	// pause is how long the daemon waits between the skipped times it makes
	// up for, in seconds. At no step does it ask for as short a sleep to
	// wait for the next minute.
	pause = 10

	patience = 2 * time.Minute
)

// box is a directory whose parts stand in for the host's, in the daemon's
// mount namespace alone.
type box struct {
	dir       string
	libfake   string
	daemon    string
	forbidden string // why the suite cannot run here, and what to do
}

// newBox finds what the suite needs on this host.
func newBox(t *testing.T) box {
	t.Helper()
	b := box{dir: t.TempDir()}
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	require.NoError(t, err)
	_, cronErr := os.Stat("/usr/sbin/cron")
	switch {
	case os.Getuid() != 0:
		b.forbidden = "it mounts over cron's directories in a namespace of its own: run it as root, for example in a container"
	case cronErr != nil || len(found) == 0:
		b.forbidden = "install the daemon and its clock: apt-get update && apt-get install -y cron libfaketime tzdata"
	default:
		b.libfake, b.daemon = found[0], "/usr/sbin/cron"
	}
	return b
}

// lay writes the directories of the box and a crontab of root's, whose every
// line writes its number to fires and then runs on with the words of then.
func (b box) lay(t *testing.T, lines []line, then string) {
	t.Helper()
	for _, dir := range []string{"run", "cron.d", "crontabs"} {
		require.NoError(t, os.Mkdir(filepath.Join(b.dir, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "crontab"), nil, 0o644))
	var table strings.Builder
	fmt.Fprintf(&table, "MAILTO=\"\"\nFIRES=%s\n", b.path("fires"))
	for i, l := range lines {
		fmt.Fprintf(&table, "%s echo %d >>$FIRES%s\n", l.expr, i, then)
	}
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "crontabs", "root"), []byte(table.String()), 0o600))
}

func (b box) path(name string) string { return filepath.Join(b.dir, name) }

// start runs the daemon in the foreground, with nothing of the host's cron in
// sight, and ends it and all its jobs with the test.
func (b box) start(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	const enter = `set -e
mount --bind "$1/run" /run
mount --bind "$1/crontab" /etc/crontab
mount --bind "$1/cron.d" /etc/cron.d
mount --bind "$1/crontabs" /var/spool/cron/crontabs
shift
exec env -i PATH=/usr/bin:/bin "$@"`
	args := append([]string{"-c", enter, "sh", b.dir, "LD_PRELOAD=" + b.libfake}, env...)
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append(args, b.daemon, "-f", "-L", "0")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	output := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = output, output
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the daemon said: %s", output)
		}
	})
	return cmd
}

// stepped is a daemon whose clock stands still while it works, and moves when
// it has done all it has to do: no load of the host can make it late.
type stepped struct {
	box
	pid   int
	now   time.Time
	slow  bool // its jobs never end
	read  int  // bytes of fires counted
	fires fires
}

// fires counts starts by line and by the minute the daemon's clock showed.
type fires map[fire]int

// fire is one line of the crontab, by its index, in one minute of real time.
type fire struct {
	line   int
	minute int64 // Unix seconds
}

// steps takes a daemon in a zone through minutes; it may be given any, in
// order, and starts in the one before the first.
func (b box) steps(t *testing.T, zone string, lines []line, minutes []time.Time, slow bool) fires {
	t.Helper()
	then := ""
	if slow {
		then = "; exec sleep 86400"
	}
	b.lay(t, lines, then)
	require.NoError(t, os.WriteFile(b.path("clock"), nil, 0o644))
	require.NoError(t, os.WriteFile(b.path("fires"), nil, 0o644))
	d := &stepped{box: b, slow: slow, fires: fires{}}
	d.set(t, minutes[0].Add(-time.Minute+second*time.Second))
	cmd := b.start(t, "TZ="+zone, "FAKETIME=%", "FAKETIME_FOLLOW_FILE="+b.path("clock"), "FAKETIME_NO_CACHE=1")
	d.pid = cmd.Process.Pid
	d.until(t, func(p process) bool { return p.asleep > pause })
	for _, minute := range minutes {
		d.step(t, minute)
	}
	return d.fires
}

// set puts the daemon's clock to an instant: the file's time is the clock.
func (d *stepped) set(t *testing.T, now time.Time) {
	t.Helper()
	d.now = now
	require.NoError(t, os.Chtimes(d.path("clock"), now, now))
}

// step lets the daemon do the work of one minute.
func (d *stepped) step(t *testing.T, minute time.Time) {
	t.Helper()
	if now := minute.Add(second * time.Second); d.now.Before(now) {
		d.set(t, now)
	}
	for d.wake(t) == pause {
		d.collect(t)
		if d.slow {
			// No job has ended, which would have ended the pause early.
			d.set(t, d.now.Add(pause*time.Second))
		}
	}
	d.collect(t)
}

// wake ends the daemon's sleep, as the end of a job does, and waits for the
// next one with all jobs ended, or where they never end, begun; it returns how
// long that sleep is to be, in seconds.
func (d *stepped) wake(t *testing.T) int64 {
	t.Helper()
	before, err := look(d.pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(d.pid, syscall.SIGCHLD))
	return d.until(t, func(p process) bool {
		if p.switches == before.switches || p.asleep == 0 {
			return false
		}
		if d.slow {
			return p.children == bytes.Count(d.started(t), []byte("\n"))
		}
		return p.children == 0
	}).asleep
}

// started is a number for each start so far.
func (d *stepped) started(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(d.path("fires"))
	require.NoError(t, err)
	return text
}

// until looks at the daemon until it is as asked for.
func (d *stepped) until(t *testing.T, ok func(process) bool) process {
	t.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		p, err := look(d.pid)
		require.NoError(t, err)
		if ok(p) {
			return p
		}
		select {
		case <-tick.C:
		case <-end.C:
			require.FailNow(t, "the daemon does not come to rest", "%+v at %s", p, d.now)
		}
	}
}

// collect counts what has been started since the last call.
func (d *stepped) collect(t *testing.T) {
	t.Helper()
	text := d.started(t)
	for number := range strings.FieldsSeq(string(text[d.read:])) {
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		d.fires[fire{n, d.now.Truncate(time.Minute).Unix()}]++
	}
	d.read = len(text)
}

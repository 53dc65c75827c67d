package exec

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
)

func TestLocateCgroup(t *testing.T) {
	const (
		unified = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
		hybrid  = "30 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
			"31 25 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
		part = "40 39 0:26 /docker/abc /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"
		v1   = "30 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	)
	for name, tt := range map[string]struct{ mounts, mine, want, fails string }{
		"systemd":            {unified, "0::/system.slice/belfry.service\n", "/sys/fs/cgroup/system.slice/belfry.service", ""},
		"root":               {unified, "0::/\n", "/sys/fs/cgroup", ""},
		"v1 beside it":       {hybrid, "4:memory:/a/b\n0::/c\n", "/sys/fs/cgroup/unified/c", ""},
		"part of the tree":   {part, "0::/docker/abc/x\n", "/sys/fs/cgroup/x", ""},
		"all of the part":    {part, "0::/docker/abc\n", "/sys/fs/cgroup", ""},
		"outside the part":   {part, "0::/docker/abcd\n", "", "outside"},
		"outside the root":   {unified, "0::/../other\n", "", "outside"},
		"no v2 tree":         {v1, "4:memory:/a\n", "", "no cgroup v2 tree"},
		"in none of its own": {hybrid, "4:memory:/a\n", "", "no cgroup of the v2 tree"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := locateCgroup(tt.mounts, tt.mine)
			if tt.fails != "" {
				require.ErrorContains(t, err, tt.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// newWithCgroups returns an executor with cgroups; nil where they are not ours
// to make, which it will have said (see TestWithoutCgroupIsSaidOnce).
func newWithCgroups(t *testing.T) *Executor {
	e := New(Options{Name: filepath.Base(t.TempDir()) + t.Name(), Cgroup: true})
	if e.cgroups == nil {
		require.NotZero(t, os.Geteuid(), "root has a cgroup v2 tree to use here")
		require.NoError(t, e.Close())
		return nil
	}
	return e
}

// runShell runs a script that has the path of its cgroup in $own, and returns
// how it ended and what it wrote.
func runShell(t *testing.T, e *Executor, script string) (run.Outcome, string) {
	var out strings.Builder
	o := e.Run(t.Context(), Command{Args: []string{
		"/bin/sh", "-c",
		"own=" + e.cgroups.path + "/$(sed -n 's|^0::.*/||p' /proc/self/cgroup)\n" + script,
	}},
		func(_ string, p []byte) { out.Write(p) })
	require.Equal(t, run.StateSucceeded, o.State, out.String())
	return o, out.String()
}

// A cgroup is used again for as long as a command leaves it as it was. One in
// which it left somebody, or made others, is gone when Run returns. All are
// gone when the executor is closed.
func TestCgroupsAreUsedAgain(t *testing.T) {
	e := newWithCgroups(t)
	if e == nil {
		return
	}
	_, first := runShell(t, e, `echo $own`)
	_, second := runShell(t, e, `echo $own`)
	require.Equal(t, first, second)

	below := func() []string {
		dirs, err := subdirectories(e.cgroups.path)
		require.NoError(t, err)
		return dirs
	}
	runShell(t, e, `sleep 1000 &`)
	require.Empty(t, below())
	_, filled := runShell(t, e, `
		mkdir -p $own/inner/most
		sleep 1000 & echo $! >$own/inner/most/cgroup.procs
		cat $own/inner/most/cgroup.procs`)
	require.Regexp(t, `^[0-9]+\n$`, filled, "the command did not fill its own cgroup")
	require.Empty(t, below())

	_, anew := runShell(t, e, `echo $own`)
	require.NotEqual(t, first, anew)
	require.NoError(t, os.Remove(strings.TrimSpace(anew)), "somebody tidies up")
	runShell(t, e, "")
	require.NoError(t, e.Close())
	require.NoDirExists(t, e.cgroups.path)
}

// Two executors of one name on a host have a directory each; the second ends
// nothing of the first.
func TestNamesakesHaveCgroupsOfTheirOwn(t *testing.T) {
	first := newWithCgroups(t)
	if first == nil {
		return
	}
	second := New(first.options)
	require.NotNil(t, second.cgroups)
	require.NotEqual(t, first.cgroups.path, second.cgroups.path)
	for _, e := range []*Executor{first, second} {
		_, own := runShell(t, e, `echo $own`)
		require.Contains(t, own, e.cgroups.path+"/")
		require.NoError(t, e.Close())
		require.NoDirExists(t, e.cgroups.path)
	}
}

// The processor time of a command is not that of who had its cgroup before.
func TestCPUTimeInACgroupUsedAgain(t *testing.T) {
	e := newWithCgroups(t)
	if e == nil {
		return
	}
	long, _ := runShell(t, e, `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done`)
	short, _ := runShell(t, e, "")
	require.NoError(t, e.Close())
	require.Greater(t, long.CPUTime, 2*short.CPUTime)
}

// A run goes without its cgroup when the executor's was taken away.
func TestCgroupTakenAway(t *testing.T) {
	var log strings.Builder
	e := New(Options{Name: "away-" + filepath.Base(t.TempDir()), Cgroup: true, Log: textLogger(&log)})
	if e.cgroups != nil {
		require.NoError(t, os.Remove(e.cgroups.path))
	}
	o := e.Run(context.Background(), Command{Args: []string{"true"}}, func(string, []byte) {})
	require.Equal(t, run.StateSucceeded, o.State)
	require.Equal(t, 1, strings.Count(log.String(), "without a cgroup"))
	require.NoError(t, e.Close())
}

// A cgroup that cannot be removed is given up on after a while.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		require.NoError(t, retry(func() error {
			if tries++; tries < 3 {
				return os.ErrDeadlineExceeded
			}
			return nil
		}))
		require.Equal(t, 3, tries)

		begin := time.Now()
		require.ErrorIs(t, retry(func() error { return os.ErrDeadlineExceeded }), os.ErrDeadlineExceeded)
		require.InDelta(t, removeWithin.Seconds(), time.Since(begin).Seconds(), 0.2)
	})
}

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

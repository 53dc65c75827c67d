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

// A run's cgroup is gone when Run returns, with those the command made in
// it, and the executor's when it is closed.
func TestCgroupsAreRemoved(t *testing.T) {
	e := New(Options{Name: "removed-" + filepath.Base(t.TempDir()), Cgroup: true})
	if e.cgroups == nil {
		// Not ours to make: then there is none, and that was said (see
		// TestWithoutCgroupIsSaidOnce).
		require.NotZero(t, os.Geteuid(), "root has a cgroup v2 tree to use here")
		require.NoError(t, e.Close())
		return
	}
	var out strings.Builder
	o := e.Run(context.Background(), Command{
		Args: []string{"/bin/sh", "-c", `
			own=` + e.cgroups.path + `/$(sed -n 's|^0::.*/||p' /proc/self/cgroup)
			echo $own
			mkdir -p $own/inner/most
			sleep 1000 & echo $! >$own/inner/most/cgroup.procs
			cat $own/inner/most/cgroup.procs`},
		Identity: Identity{RunID: "an/id", Attempt: 3},
	}, func(_ string, p []byte) { out.Write(p) })
	require.Equal(t, run.StateSucceeded, o.State, out.String())
	require.Contains(t, out.String(), "an%2Fid.3")
	require.Regexp(t, `\n[0-9]+\n$`, out.String(), "the command did not fill its own cgroup")

	below, err := subdirectories(e.cgroups.path)
	require.NoError(t, err)
	require.Empty(t, below)
	require.NoError(t, e.Close())
	require.NoDirExists(t, e.cgroups.path)
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

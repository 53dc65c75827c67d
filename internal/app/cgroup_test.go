package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCgroup: both versions, inside a container and out of it, with limits and
// without.
func TestCgroup(t *testing.T) {
	type shown struct{ limit, used, cores, throttled float64 }
	cases := map[string]struct {
		files map[string]string
		want  shown
	}{
		"none": {nil, shown{}},
		"v2": {map[string]string{
			"proc/self/cgroup":                           "0::/system/belfry\n",
			"sys/fs/cgroup/system/belfry/memory.max":     "536870912\n",
			"sys/fs/cgroup/system/belfry/memory.current": "1048576\n",
			"sys/fs/cgroup/system/belfry/cpu.max":        "150000 100000\n",
			"sys/fs/cgroup/system/belfry/cpu.stat":       "usage_usec 5\nthrottled_usec 2500000\n",
		}, shown{512 << 20, 1 << 20, 1.5, 2.5}},
		"v2 in a container, without limits": {map[string]string{
			"proc/self/cgroup":             "0::/elsewhere\n",
			"sys/fs/cgroup/memory.max":     "max\n",
			"sys/fs/cgroup/memory.current": "4096\n",
			"sys/fs/cgroup/cpu.max":        "max 100000\n",
			"sys/fs/cgroup/cpu.stat":       "usage_usec 5\n",
		}, shown{0, 4096, 0, 0}},
		"v1": {map[string]string{
			"proc/self/cgroup": "4:memory:/b\n3:cpu,cpuacct:/b\n0::/\n",
			"sys/fs/cgroup/memory/b/memory.limit_in_bytes": "1073741824\n",
			"sys/fs/cgroup/memory/b/memory.usage_in_bytes": "8192\n",
			"sys/fs/cgroup/cpu/b/cpu.cfs_quota_us":         "200000\n",
			"sys/fs/cgroup/cpu/b/cpu.cfs_period_us":        "100000\n",
			"sys/fs/cgroup/cpu/b/cpu.stat":                 "nr_periods 1\nthrottled_time 3000000000\n",
		}, shown{1 << 30, 8192, 2, 3}},
		"v1 without limits": {map[string]string{
			"proc/self/cgroup":                           "4:memory:/b\n3:cpu,cpuacct:/b\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         "-1\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us":        "100000\n",
		}, shown{0, 1, 0, 0}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range c.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(root, file), []byte(text), 0o644))
			}
			g := ownCgroup(root)
			require.Equal(t, c.want, shown{g.memoryLimit(), g.memoryUsed(), g.cpuLimit(), g.throttled()})
		})
	}
}

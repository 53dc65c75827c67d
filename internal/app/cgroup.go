package app

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/metric"
)

// cgroup reads what the process's own control group may use and uses. Its
// files are read at each scrape; a container sees its group as the root.
type cgroup struct {
	// memory and cpu are the folders of the group; both are the same with
	// cgroup v2, and empty where there is none.
	memory, cpu string
	v2          bool
}

// noLimit is from what on a limit of cgroup v1 stands for none.
const noLimit = 1 << 60

// ownCgroup finds the process's group below root, "/" but in tests.
func ownCgroup(root string) cgroup {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return cgroup{}
	}
	mount := filepath.Join(root, "sys/fs/cgroup")
	var c cgroup
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			switch controller {
			case "memory":
				c.memory = folder(filepath.Join(mount, "memory"), parts[2], "memory.usage_in_bytes")
			case "cpu":
				c.cpu = folder(filepath.Join(mount, "cpu"), parts[2], "cpu.cfs_quota_us")
			case "":
				if dir := folder(mount, parts[2], "memory.current"); dir != "" {
					return cgroup{memory: dir, cpu: dir, v2: true}
				}
			}
		}
	}
	return c
}

// folder is the group's below the mount, which in a container is the mount.
func folder(mount, path, file string) string {
	for _, dir := range []string{filepath.Join(mount, path), mount} {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return dir
		}
	}
	return ""
}

// expose shows the group, its limits as 0 where there are none.
func (c cgroup) expose(k *metric.Maker) {
	k.GaugeFunc(metric.Saturation, "belfry_cgroup_memory_limit_bytes",
		"Memory that the process's control group may use; 0: no limit.", c.memoryLimit)
	k.GaugeFunc(metric.Saturation, "belfry_cgroup_memory_used_bytes",
		"Memory that the process's control group uses, caches among it.", c.memoryUsed)
	k.GaugeFunc(metric.Saturation, "belfry_cgroup_cpu_limit_cores",
		"Processors that the process's control group may use; 0: no limit.", c.cpuLimit)
	k.CounterFunc(metric.Saturation, "belfry_cgroup_cpu_throttled_seconds_total",
		"Time for which the process's control group was held back for having used its share.", c.throttled)
}

func (c cgroup) memoryLimit() float64 {
	limit := number(c.memory, c.name("memory.max", "memory.limit_in_bytes"), 0)
	if limit >= noLimit {
		return 0
	}
	return limit
}

func (c cgroup) memoryUsed() float64 {
	return number(c.memory, c.name("memory.current", "memory.usage_in_bytes"), 0)
}

func (c cgroup) cpuLimit() float64 {
	var quota, period float64
	if c.v2 {
		quota, period = number(c.cpu, "cpu.max", 0), number(c.cpu, "cpu.max", 1)
	} else {
		quota, period = number(c.cpu, "cpu.cfs_quota_us", 0), number(c.cpu, "cpu.cfs_period_us", 0)
	}
	if quota <= 0 || period <= 0 {
		return 0
	}
	return quota / period
}

// throttled reads the line of cpu.stat, in µs or ns.
func (c cgroup) throttled() float64 {
	text, err := os.ReadFile(filepath.Join(c.cpu, "cpu.stat"))
	if c.cpu == "" || err != nil {
		return 0
	}
	units := map[string]time.Duration{"throttled_usec": time.Microsecond, "throttled_time": time.Nanosecond}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseFloat(value, 64)
		if unit := units[name]; unit > 0 && err == nil {
			return n * unit.Seconds()
		}
	}
	return 0
}

func (c cgroup) name(v2, v1 string) string {
	if c.v2 {
		return v2
	}
	return v1
}

// number is the field of a file, counted from 0; 0 if it is not there, or max.
func number(dir, file string, field int) float64 {
	if dir == "" {
		return 0
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if field >= len(fields) {
		return 0
	}
	n, err := strconv.ParseFloat(fields[field], 64)
	if err != nil {
		return 0
	}
	return n
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// stamp is the command that is timed: it makes a file named by the job and
// its due time. A second start finds the file there and makes another, so
// that no start is counted as none.
const stamp = `f="$OUT/$BELFRY_JOB,$BELFRY_RUN_ID"; if [ -e "$f" ]; then f="$f,again"; fi; : > "$f"`

// result is how late each command started.
type result struct {
	name          string
	late          []time.Duration // sorted
	lost, doubled int
}

func (r result) at(q float64) time.Duration {
	if len(r.late) == 0 {
		return 0
	}
	return r.late[int(q*float64(len(r.late)-1))].Round(100 * time.Microsecond)
}

func (r result) beyond(limit time.Duration) int {
	i, _ := slices.BinarySearch(r.late, limit)
	return len(r.late) - i
}

func (r result) print() {
	fmt.Printf("%-26s %8d %6d %8d %9s %9s %9s %9s %9d\n", r.name, len(r.late), r.lost, r.doubled,
		r.at(0.5), r.at(0.9), r.at(0.99), r.at(1), r.beyond(time.Second))
}

// pool makes one result of many.
func pool(name string, all []result) result {
	one := result{name: name}
	for _, r := range all {
		one.late = append(one.late, r.late...)
		one.lost += r.lost
		one.doubled += r.doubled
	}
	slices.Sort(one.late)
	return one
}

// compare takes when each command was to start, by file name, and when it
// did.
func compare(name, out string, wanted map[string]time.Time) (result, error) {
	r := result{name: name}
	entries, err := os.ReadDir(out)
	if err != nil {
		return r, err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		file, again := strings.CutSuffix(e.Name(), ",again")
		at, ok := wanted[file]
		if !ok {
			continue
		}
		if again {
			r.doubled++
			continue
		}
		info, err := e.Info()
		if err != nil {
			return r, err
		}
		seen[file] = true
		r.late = append(r.late, info.ModTime().Sub(at))
	}
	r.lost = len(wanted) - len(seen)
	slices.Sort(r.late)
	return r, nil
}

// plain starts the command at the rate from Go timers, as a program without
// Belfry would.
func plain(ctx context.Context, dir string, o options, name string) result {
	out, err := os.MkdirTemp(dir, "plain-")
	if err != nil {
		return result{name: name}
	}
	wanted := map[string]time.Time{}
	var started sync.WaitGroup
	begin := time.Now().Add(time.Second).Truncate(time.Second)
	gap := time.Second / time.Duration(o.rate)
	for i := range int(o.phase / gap) {
		at := begin.Add(time.Duration(i) * gap)
		id := fmt.Sprintf("%08d", i)
		wanted["plain,"+id] = at
		started.Go(func() {
			select {
			case <-time.After(time.Until(at)):
			case <-ctx.Done():
				return
			}
			cmd := exec.Command("/bin/sh", "-c", stamp)
			cmd.Env = []string{"OUT=" + out, "BELFRY_JOB=plain", "BELFRY_RUN_ID=" + id, "PATH=" + os.Getenv("PATH")}
			_, _ = cmd.CombinedOutput()
		})
	}
	started.Wait()
	r, err := compare(name, out, wanted)
	if err != nil {
		return result{name: name}
	}
	return r
}

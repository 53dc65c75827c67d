package keeper

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sweepEvery is the pause between two looks at all processes of the host.
const sweepEvery = 5 * time.Millisecond

// sweep kills what the dead keeper's commands left running, and returns how
// many processes that were.
func (l *life) sweep() int {
	groups := l.lost()
	return sweep(func(pid int) bool {
		if mark, _, ok := parseTree(environment(pid, treeVariable)); ok && mark == l.mark {
			return true
		}
		o, ok := readOrphan(pid)
		return ok && groups[o.group]
	})
}

// sweepName kills what dead keepers of a name left running.
func sweepName(name string) int {
	living := livingMarks()
	return sweep(func(pid int) bool {
		mark, _, ok := parseTree(environment(pid, treeVariable))
		return ok && nameOf(mark) == name && !living[mark]
	})
}

// sweep kills those of the host's processes that are meant, with all that
// descends from them, until there are none, or killWithin is over.
func sweep(meant func(pid int) bool) (killed int) {
	seen := map[int]bool{}
	for end := time.Now().Add(killWithin); time.Now().Before(end); {
		var found []int
		for _, pid := range processes() {
			if meant(pid) && lives(pid) {
				found = append(found, pid)
				seen[pid] = true
			}
		}
		if len(found) == 0 {
			break
		}
		killTrees(found)
		<-time.After(sweepEvery)
	}
	return len(seen)
}

// livingMarks are the marks of the keepers that live: each has its own as
// the last of its arguments.
func livingMarks() map[string]bool {
	marks := map[string]bool{}
	for _, pid := range processes() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue
		}
		args := bytes.Split(bytes.TrimSuffix(line, []byte{0}), []byte{0})
		marks[string(args[len(args)-1])] = true
	}
	return marks
}

// nameOf is the name in a keeper's mark.
func nameOf(mark string) string {
	dot := strings.LastIndexByte(mark, '.')
	return mark[:max(dot, 0)]
}

// processes are all that this one can see.
func processes() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	return numbers(names)
}

// lives reports whether a process is not just dead and unreaped.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := bytes.TrimLeft(stat[bytes.LastIndexByte(stat, ')')+1:], " ")
	return len(state) > 0 && state[0] != 'Z' && state[0] != 'X' && !errors.Is(syscall.Kill(pid, 0), unix.EPERM)
}

package keeper

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// mostList bounds a list of children: more than Linux has processes for.
	mostList = 64 << 20
	// mostRounds bounds how often a tree is looked at again because it has
	// grown while it was frozen.
	mostRounds = 100
	// ticksPerSecond is the unit of times in /proc, on every Linux.
	ticksPerSecond = 100
)

// killTrees kills the processes of roots, which are children of this one, and
// all their descendants. It does not wait for their deaths.
//
// It stops them first, parents before children: a stopped parent neither
// forks on nor reaps, so the list becomes complete, and its numbers stay
// theirs.
func killTrees(roots []int) {
	tree := map[int]bool{}
	for range mostRounds {
		if !freeze(roots, tree) {
			break
		}
	}
	for pid := range tree {
		_ = syscall.Kill(pid, unix.SIGKILL)
	}
}

// freeze stops what is new of the trees, and reports whether there was any.
func freeze(roots []int, tree map[int]bool) (grown bool) {
	queue := append([]int(nil), roots...)
	for len(queue) > 0 {
		pid := queue[0]
		queue = queue[1:]
		if !tree[pid] {
			_ = syscall.Kill(pid, unix.SIGSTOP)
			tree[pid], grown = true, true
		}
		queue = append(queue, childrenOf(pid)...)
	}
	return grown
}

// descendants are the roots and all that descends from them.
func descendants(roots []int) []int {
	all := append([]int(nil), roots...)
	for i := 0; i < len(all); i++ {
		all = append(all, childrenOf(all[i])...)
	}
	return all
}

// childrenOf lists the children of all threads of a process, dead or alive.
func childrenOf(pid int) []int {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil // it is gone
	}
	var children []int
	for _, t := range threads {
		list, err := os.ReadFile(dir + "/" + t.Name() + "/children")
		if err == nil {
			children = append(children, numbers(strings.Fields(string(list)))...)
		}
	}
	return children
}

// readOrphan reads what the kernel says of a process; false if it is gone.
func readOrphan(pid int) (*orphan, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, false
	}
	// The name, in parentheses, may hold anything. After it come the state,
	// the parent, the group, the session, and as the 20th the time of birth.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const group, session, born = 2, 3, 19
	if len(fields) <= born {
		return nil, false
	}
	o := &orphan{pid: pid}
	var ok [2]bool
	o.group, ok[0] = number(fields[group])
	o.session, ok[1] = number(fields[session])
	o.born, err = strconv.ParseInt(fields[born], 10, 64)
	return o, ok[0] && ok[1] && err == nil
}

// environment is the value of a variable in the environment that a process
// was started with; empty if it has none or it may not be read.
func environment(pid int, name string) string {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	for entry := range strings.SplitSeq(string(list), "\x00") {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// bootTicks is the time now, as that of a birth is told.
func bootTicks() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return now.Nano() / (1_000_000_000 / ticksPerSecond)
}

func ownSession() int {
	session, err := unix.Getsid(0)
	if err != nil {
		return 0
	}
	return session
}

func number(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0
}

// numbers reads process numbers. 0 stands for one that cannot be named here,
// and must never be signalled.
func numbers(texts []string) []int {
	var all []int
	for _, text := range texts {
		if n, ok := number(text); ok && n > 0 {
			all = append(all, n)
		}
	}
	return all
}

package exec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// leaf is the cgroup of one command at a time. Its files stay open, since it
// is used again.
type leaf struct {
	path string
	dir  *os.File
	// events says whether a process lives in it, cpu what all that ever ran
	// in it used of the processors, and peak, nil unless the memory controller
	// counts it, the most memory that they held at once.
	events, cpu, peak *os.File
	// used is what cpu last said, before what it said of earlier commands.
	used, before time.Duration
	// killed: Linux 6.18 kills also what is started later in a cgroup that
	// was killed once.
	killed bool
}

func newLeaf(path string) (*leaf, error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("making a cgroup: %w", err)
	}
	l := &leaf{path: path}
	var errs [3]error
	l.dir, errs[0] = os.Open(path)
	l.events, errs[1] = os.Open(filepath.Join(path, "cgroup.events"))
	l.cpu, errs[2] = os.Open(filepath.Join(path, "cpu.stat"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, errors.Join(fmt.Errorf("opening a cgroup: %w", err), l.remove())
	}
	l.peak, _ = os.Open(filepath.Join(path, "memory.peak"))
	return l, nil
}

// file is the cgroup's open directory; nil of none.
func (l *leaf) file() *os.File {
	if l == nil {
		return nil
	}
	return l.dir
}

// kill ends every process in the cgroup and below, also such as are just
// being forked, and waits, within bounds, until they are dead.
func (l *leaf) kill() {
	if l.empty() {
		return
	}
	l.killed = true
	_ = os.WriteFile(filepath.Join(l.path, "cgroup.kill"), []byte("1"), 0)
	_ = retry(func() error {
		if !l.empty() {
			return errors.New("still dying")
		}
		return nil
	})
}

// empty reports whether no living process is in the cgroup or below.
func (l *leaf) empty() bool {
	events, err := contents(l.events)
	return err != nil || bytes.Contains(events, []byte("populated 0"))
}

// pids are the processes in the cgroup itself.
func (l *leaf) pids() []int {
	list, err := os.ReadFile(filepath.Join(l.path, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for field := range strings.FieldsSeq(string(list)) {
		// 0 stands for a process that cannot be named here; never signal it.
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// cpuTime is what all of the command that ran in the cgroup used of the
// processors.
func (l *leaf) cpuTime() (time.Duration, bool) {
	stat, err := contents(l.cpu)
	if err != nil {
		return 0, false
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	usec, err := strconv.ParseInt(strings.TrimPrefix(line, "usage_usec "), 10, 64)
	if err != nil {
		return 0, false
	}
	l.used = time.Duration(usec) * time.Microsecond
	return l.used - l.before, true
}

// peakMemory is the most that the cgroup held at once, in bytes, where the
// memory controller counts it.
func (l *leaf) peakMemory() (int64, bool) {
	if l.peak == nil {
		return 0, false
	}
	text, err := contents(l.peak)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// reset makes the cgroup ready for the next command, now that nobody is in
// it. It reports false if it cannot be used again: somebody was killed in it,
// the command made cgroups in it, or its peak of memory would be that of all
// its commands. (A directory has two links, and one more for each below it.)
func (l *leaf) reset() bool {
	if l.killed || l.peak != nil {
		return false
	}
	l.before = l.used
	info, err := l.dir.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 2
}

// vacant reports whether the cgroup is still there, and nobody in it.
func (l *leaf) vacant() bool {
	events, err := contents(l.events)
	return err == nil && bytes.Contains(events, []byte("populated 0"))
}

// remove gives the cgroup back.
func (l *leaf) remove() error {
	for _, f := range []*os.File{l.dir, l.events, l.cpu, l.peak} {
		if f != nil {
			_ = f.Close() // only read from
		}
	}
	return removeCgroup(l.path)
}

// contents reads a small file of the kernel's from its beginning.
func contents(f *os.File) ([]byte, error) {
	buf := make([]byte, 1<<10)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading of a cgroup: %w", err)
	}
	return buf[:n], nil
}

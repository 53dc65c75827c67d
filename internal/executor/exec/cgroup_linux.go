package exec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// removeWithin bounds how long the dead are waited for before their cgroup
// is left behind: a process in the middle of a disk write dies late.
const removeWithin = 5 * time.Second

// cgroups makes one cgroup for each command, all below one directory, which
// is below the worker's own cgroup and carries the executor's name.
type cgroups struct {
	path string
	// lock is the open directory, locked for as long as this executor lives,
	// so that no other of the same name takes its commands for leftovers.
	lock *os.File
	made atomic.Int64
}

// openCgroups finds or makes the directory for name, kills whatever a former
// life left in it, and makes sure that commands can be started there.
func openCgroups(name string, s *starter) (*cgroups, error) {
	own, err := ownCgroup()
	if err != nil {
		return nil, err
	}
	g := &cgroups{path: filepath.Join(own, "belfry-"+url.PathEscape(name))}
	if err := os.Mkdir(g.path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making a cgroup: %w", err)
	}
	if g.lock, err = os.Open(g.path); err != nil {
		return nil, fmt.Errorf("opening a cgroup: %w", err)
	}
	if err := g.prepare(s); err != nil {
		return nil, errors.Join(err, g.lock.Close())
	}
	return g, nil
}

// prepare takes the directory over.
func (g *cgroups) prepare(s *starter) error {
	if err := unix.Flock(int(g.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("cgroup %s is in use by another worker of this name: %w", g.path, err)
	}
	if _, err := os.Stat(filepath.Join(g.path, "cgroup.kill")); err != nil {
		return fmt.Errorf("cgroups that can be killed need Linux 5.14: %w", err)
	}
	if err := g.clear(); err != nil {
		return fmt.Errorf("ending what an earlier worker left running: %w", err)
	}
	// With the memory controller each command's peak is counted. It is often
	// not ours to use, which is no fault.
	_ = os.WriteFile(filepath.Join(g.path, "cgroup.subtree_control"), []byte("+memory"), 0)
	return g.probe(s)
}

// clear kills all that runs below the directory and empties it.
func (g *cgroups) clear() error {
	below, err := subdirectories(g.path)
	if err != nil || len(below) == 0 {
		return err
	}
	if err := os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0); err != nil {
		return fmt.Errorf("killing: %w", err)
	}
	for _, dir := range below {
		if err := removeCgroup(dir); err != nil {
			return err
		}
	}
	return nil
}

// probe starts a program that is not there: only if the kernel can put a new
// process into a cgroup does it come as far as missing it.
func (g *cgroups) probe(s *starter) error {
	l, err := g.newLeaf("probe")
	if err != nil {
		return err
	}
	_, err = s.start(filepath.Join(g.path, "no such program"), []string{"probe"},
		&os.ProcAttr{Sys: startAttributes(account{}, l)})
	if !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("starting a process in a cgroup: %w", err), l.remove())
	}
	return l.remove()
}

// newLeaf makes the cgroup of one command.
func (g *cgroups) newLeaf(name string) (*leaf, error) {
	path := filepath.Join(g.path, fmt.Sprintf("%s.%d", url.PathEscape(name), g.made.Add(1)))
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("making a cgroup: %w", err)
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a cgroup: %w", err), os.Remove(path))
	}
	return &leaf{path: path, dir: dir}, nil
}

// close removes the directory; one that still holds a command stays.
func (g *cgroups) close() error {
	return errors.Join(removeCgroup(g.path), g.lock.Close())
}

// leaf is the cgroup of one command.
type leaf struct {
	path string
	dir  *os.File
}

// kill ends every process in the cgroup and below, also such as are just
// being forked, and waits, within bounds, until they are dead.
func (l *leaf) kill() {
	if l.empty() {
		return
	}
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
	events, err := os.ReadFile(filepath.Join(l.path, "cgroup.events"))
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

// cpuTime is what all that ever ran in the cgroup used of the processors.
func (l *leaf) cpuTime() (time.Duration, bool) {
	stat, err := os.ReadFile(filepath.Join(l.path, "cpu.stat"))
	if err != nil {
		return 0, false
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	usec, err := strconv.ParseInt(strings.TrimPrefix(line, "usage_usec "), 10, 64)
	return time.Duration(usec) * time.Microsecond, err == nil
}

// peakMemory is the most that the cgroup held at once, in bytes, where the
// memory controller counts it.
func (l *leaf) peakMemory() (int64, bool) {
	text, err := os.ReadFile(filepath.Join(l.path, "memory.peak"))
	if err != nil {
		return 0, false
	}
	bytes, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return bytes, err == nil
}

// remove gives the cgroup back.
func (l *leaf) remove() error {
	return errors.Join(l.dir.Close(), removeCgroup(l.path))
}

// removeCgroup removes the cgroup at path with those that a command may have
// made in it. It waits, within bounds, for the last process to be dead.
func removeCgroup(path string) error {
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	below, err := subdirectories(path)
	if err != nil {
		return err
	}
	for _, dir := range below {
		if err := removeCgroup(dir); err != nil {
			return err
		}
	}
	return retry(func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a cgroup: %w", err)
		}
		return nil
	})
}

// retry tries f, more and more seldom, until it succeeds or removeWithin is
// over.
func retry(f func() error) error {
	end := time.Now().Add(removeWithin)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := f()
		if err == nil || time.Now().After(end) {
			return err
		}
		<-time.After(wait)
	}
}

// subdirectories are the cgroups directly below path.
func subdirectories(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("listing a cgroup: %w", err)
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(path, e.Name()))
		}
	}
	return dirs, nil
}

// ownCgroup is the directory of this process's cgroup in the v2 tree.
func ownCgroup() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("looking for the cgroup v2 tree: %w", err)
	}
	mine, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("looking for the own cgroup: %w", err)
	}
	return locateCgroup(string(mounts), string(mine))
}

// locateCgroup reads the two lists of the kernel: where trees are mounted,
// and which cgroup of each tree a process is in.
func locateCgroup(mounts, mine string) (string, error) {
	root, point, ok := cgroup2Mount(mounts)
	if !ok {
		return "", errors.New("no cgroup v2 tree is mounted")
	}
	for line := range strings.Lines(mine) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		// A path that begins with /.. is above what this process may see.
		below, err := filepath.Rel(root, path)
		if err != nil || !filepath.IsLocal(below) || strings.HasPrefix(path, "/..") {
			return "", fmt.Errorf("the own cgroup %s is outside of the tree mounted at %s", path, point)
		}
		return filepath.Join(point, below), nil
	}
	return "", errors.New("this process is in no cgroup of the v2 tree")
}

// cgroup2Mount finds the v2 tree among the mounts: which part of it is
// mounted, and where. The form of a line is that of proc(5): root and mount
// point are fields 4 and 5, and the type follows a lone dash.
func cgroup2Mount(mounts string) (root, point string, ok bool) {
	lines := bufio.NewScanner(strings.NewReader(mounts))
	for lines.Scan() {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if found && len(fields) > 4 && strings.HasPrefix(after, "cgroup2 ") {
			return fields[3], fields[4], true
		}
	}
	return "", "", false
}

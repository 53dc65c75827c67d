package exec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-cron/belfry/internal/keeper"
)

// removeWithin bounds how long the dead are waited for before their cgroup
// is left behind: a process in the middle of a disk write dies late.
const removeWithin = 5 * time.Second

// cgroups gives each command a cgroup of its own, all below one directory,
// which is below the worker's own cgroup and carries the executor's name.
type cgroups struct {
	path string
	// lock is the open directory, locked for as long as this executor lives,
	// so that no other of the same name takes its commands for leftovers.
	lock *os.File
	made atomic.Int64

	mu   sync.Mutex
	idle []*leaf // those that no command is in
}

// openCgroups finds or makes the directory for name, kills whatever a former
// life left in it, and makes sure that commands can be started there.
func openCgroups(name string, h host) (*cgroups, error) {
	own, err := ownCgroup()
	if err != nil {
		return nil, err
	}
	g := &cgroups{}
	if g.path, g.lock, err = lockFirst(filepath.Join(own, "belfry-"+url.PathEscape(name))); err != nil {
		return nil, err
	}
	if err := g.prepare(h); err != nil {
		return nil, errors.Join(err, g.lock.Close())
	}
	return g, nil
}

// maxNamesakes is how many executors of one name a host has at the most.
const maxNamesakes = 16

// lockFirst makes and locks the first directory of that name that no other
// executor holds: two installations on one host may name their workers alike.
func lockFirst(path string) (string, *os.File, error) {
	for i := 1; ; i++ {
		dir := path
		if i > 1 {
			dir = fmt.Sprintf("%s.%d", path, i)
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", nil, fmt.Errorf("making a cgroup: %w", err)
		}
		lock, err := os.Open(dir)
		if err != nil {
			return "", nil, fmt.Errorf("opening a cgroup: %w", err)
		}
		if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return dir, lock, nil
		}
		err = fmt.Errorf("cgroup %s is in use by another worker of this name: %w", dir, err)
		if err = errors.Join(err, lock.Close()); i == maxNamesakes {
			return "", nil, err
		}
	}
}

// prepare takes the directory over.
func (g *cgroups) prepare(h host) error {
	if _, err := os.Stat(filepath.Join(g.path, "cgroup.kill")); err != nil {
		return fmt.Errorf("cgroups that can be killed need Linux 5.14: %w", err)
	}
	if err := g.clear(); err != nil {
		return fmt.Errorf("ending what an earlier worker left running: %w", err)
	}
	// With the memory controller each command's peak is counted. It is often
	// not ours to use, which is no fault.
	_ = os.WriteFile(filepath.Join(g.path, "cgroup.subtree_control"), []byte("+memory"), 0)
	return g.probe(h)
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
func (g *cgroups) probe(h host) error {
	l, err := newLeaf(filepath.Join(g.path, "probe"))
	if err != nil {
		return err
	}
	pipes, err := openPipes(false)
	if err != nil {
		return errors.Join(err, l.remove())
	}
	_, err = h.start(context.Background(), keeper.Spec{
		File: filepath.Join(g.path, "no such program"), Args: []string{"probe"}, Files: pipes.child,
	}, l)
	pipes.closeChild()
	pipes.closeOwn()
	if !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("starting a process in a cgroup: %w", err), l.remove())
	}
	return l.remove()
}

// take returns a cgroup for one command: one that an earlier command left
// vacant, or a new one. Making and removing one takes the kernel a third of
// the time that starting a command does.
func (g *cgroups) take() (*leaf, error) {
	for l := g.pop(); l != nil; l = g.pop() {
		if l.vacant() {
			return l, nil
		}
		_ = l.remove() // somebody else's doing; it is made anew
	}
	return newLeaf(filepath.Join(g.path, strconv.FormatInt(g.made.Add(1), 10)))
}

// pop returns the idle cgroup that was used last, nil if none is idle.
func (g *cgroups) pop() *leaf {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := len(g.idle) - 1
	if last < 0 {
		return nil
	}
	l := g.idle[last]
	g.idle = g.idle[:last]
	return l
}

// giveBack takes a cgroup whose command has ended, for the next one or to be
// removed.
func (g *cgroups) giveBack(l *leaf) error {
	if !l.reset() {
		return l.remove()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle = append(g.idle, l)
	return nil
}

// close removes the directory; one that still holds a command stays.
func (g *cgroups) close() error {
	var errs []error
	for _, l := range g.idle {
		errs = append(errs, l.remove())
	}
	return errors.Join(append(errs, removeCgroup(g.path), g.lock.Close())...)
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

package keeper

import (
	"fmt"
	"math"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxCommands is how many commands a keeper has at a time.
	maxCommands = 16 << 10
	// maxStarting is how many of them are in the middle of being made: fewer
	// than leastThreads, so that others go on beside slow ones.
	maxStarting = leastThreads - 2
	// killWithin bounds how long the dead are waited for: a process in the
	// middle of a disk write dies late.
	killWithin = 5 * time.Second
	// lookEvery is how often it is looked whether somebody has died of whom no
	// signal tells: a descendant whose parent lives.
	lookEvery = 20 * time.Millisecond
)

// keeper is the state of a keeper's process.
type keeper struct {
	mark     string
	line     *line
	orphans  *orphans
	starting chan struct{} // holds one for each start under way

	mu       sync.Mutex
	closing  bool // nothing is started any more
	commands map[uint64]*command
	byPid    map[int]*command
}

func newKeeper(mark string, l *line) (*keeper, error) {
	if err := Seal(); err != nil {
		return nil, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("becoming the parent of orphans: %w", err)
	}
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, fmt.Errorf("process descriptors need Linux 5.4: %w", err)
	}
	if err := unix.Close(pidfd); err != nil {
		return nil, fmt.Errorf("closing a process descriptor: %w", err)
	}
	k := &keeper{
		mark: mark, line: l, starting: make(chan struct{}, maxStarting),
		commands: map[uint64]*command{}, byPid: map[int]*command{},
	}
	if k.orphans, err = newOrphans(k.ownerOf); err != nil {
		return nil, err
	}
	deaths := make(chan os.Signal, 1) // one says that there may be many
	signal.Notify(deaths, unix.SIGCHLD)
	go func() {
		for range deaths {
			k.orphans.reap()
		}
	}()
	return k, nil
}

// serve does what the worker says until there is nobody to say it.
func (k *keeper) serve() error {
	for {
		kind, r, err := k.line.read()
		if err != nil {
			return err
		}
		switch kind {
		case kindStart:
			m, err := decodeStart(r)
			if err != nil {
				return err
			}
			n := 3
			if m.inCgroup {
				n = 4
			}
			files, err := k.line.take(n)
			if err != nil {
				return err
			}
			go k.run(m, files)
		case kindTerminate, kindKill:
			c := k.command(r.number())
			if err := r.finish(); err != nil {
				return err
			}
			// None there: it has ended, and the worker is about to hear it.
			if c != nil && kind == kindTerminate {
				go k.terminate(c)
			} else if c != nil {
				go k.kill(c)
			}
		case kindHello, kindStarted, kindEnded:
			return errGarbled
		default:
			return errGarbled
		}
	}
}

func (k *keeper) command(id uint64) *command {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.commands[id]
}

// run is the life of one command, from its start to the last of its tree.
// A worker that cannot be told need not be: it is gone.
func (k *keeper) run(m startMessage, files []int) {
	c, err := k.start(m, files)
	if err != nil {
		_ = k.line.write(startedMessage{id: m.id, errno: errnoOf(err)}.encode())
		return
	}
	_ = k.line.write(startedMessage{id: m.id, pid: c.pid, at: c.at}.encode())
	end := k.attend(c)
	_ = k.line.write(endedMessage{id: m.id, end: end}.encode())
}

// start makes the process of a command, and closes files.
func (k *keeper) start(m startMessage, files []int) (*command, error) {
	defer func() {
		for _, fd := range files {
			_ = unix.Close(fd)
		}
	}()
	c := &command{id: m.id, began: bootTicks(), killed: make(chan struct{}), seen: map[int]bool{}}
	if !k.add(c) {
		return nil, unix.EAGAIN
	}
	k.starting <- struct{}{}
	defer func() { <-k.starting }()
	if k.isClosing() {
		return nil, unix.ESHUTDOWN
	}
	if err := c.fork(m, files); err != nil {
		k.remove(c)
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byPid[c.pid] = c
	return c, nil
}

func (k *keeper) isClosing() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.closing
}

// add makes room for a command; false if there is none.
func (k *keeper) add(c *command) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closing || len(k.commands) >= maxCommands {
		return false
	}
	k.commands[c.id] = c
	return true
}

func (k *keeper) remove(c *command) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.commands, c.id)
	if k.byPid[c.pid] == c {
		delete(k.byPid, c.pid)
	}
}

// attend waits for a command's end and sees to it that its tree ends too.
func (k *keeper) attend(c *command) End {
	c.awaitEnd()
	end := c.reap()
	if end.Stopped {
		k.awaitRest(c)
	}
	k.mu.Lock()
	c.over = true
	k.mu.Unlock()
	end.Left = k.endTree(c)
	end.CPU += k.orphans.forget(c)
	k.remove(c)
	return end
}

// awaitRest gives those who outlive a command that was asked to end until
// they are to be killed: a shell dies of SIGTERM at once, while what it runs
// may be tidying up.
func (k *keeper) awaitRest(c *command) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		changed := k.orphans.changed()
		if len(k.orphans.of(c)) == 0 {
			return
		}
		select {
		case <-c.killed:
			return
		case <-changed:
		case <-look.C:
		}
	}
}

// endTree kills what is left of a command's tree, and waits until it is dead
// or killWithin is over. It returns how many are not.
func (k *keeper) endTree(c *command) (left int) {
	if k.orphans.none() {
		return 0
	}
	limit := time.NewTimer(killWithin)
	defer limit.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		changed := k.orphans.changed()
		k.adoptStrays(c)
		rest := k.orphans.of(c)
		if len(rest) == 0 {
			return 0
		}
		killTrees(rest)
		select {
		case <-changed:
		case <-look.C:
		case <-limit.C:
			return len(rest)
		}
	}
}

// adoptStrays gives c, which has ended, the orphans that can be of no command
// that runs.
func (k *keeper) adoptStrays(c *command) {
	strays := k.orphans.strays()
	if len(strays) == 0 {
		return
	}
	oldest := k.oldest()
	for _, s := range strays {
		if s.over || s.born < oldest {
			k.orphans.give(s.pid, c)
		}
	}
}

// oldest is when the first of the commands began that are not over.
func (k *keeper) oldest() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	oldest := int64(math.MaxInt64)
	for _, c := range k.commands {
		if !c.over {
			oldest = min(oldest, c.began)
		}
	}
	return oldest
}

// ownerOf finds the command an orphan belongs to by what is known of it; nil
// if that does not tell. over says that it belongs to one that is no more.
func (k *keeper) ownerOf(o *orphan) (c *command, over bool) {
	mark, id, ok := parseTree(environment(o.pid, treeVariable))
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.byPid[o.group]; c != nil {
		return c, false
	}
	if ok && mark == k.mark {
		c := k.commands[id]
		return c, c == nil
	}
	for _, c := range k.commands {
		if c.saw(o.pid) {
			return c, false
		}
	}
	return nil, false
}

// terminate asks a command's tree to end, unless it has ended already: one
// that nobody has reaped yet takes a signal as if it lived, and its own end
// would be taken for ours.
func (k *keeper) terminate(c *command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped || hasEnded(c.pidfd) {
		return
	}
	c.stopping = true
	ask := func(pid int) {
		_ = syscall.Kill(pid, unix.SIGTERM)
		_ = syscall.Kill(pid, unix.SIGCONT) // a stopped process would not hear it
	}
	members := descendants(append(k.orphans.of(c), c.pid))
	c.see(members)
	ask(-c.pid)
	for _, pid := range members {
		if group, err := syscall.Getpgid(pid); err == nil && group != c.pid {
			ask(pid)
		}
	}
}

// kill kills a command's tree. What comes to light of it later is killed when
// the command's process has ended, which it has with this.
func (k *keeper) kill(c *command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kill()
	if !c.reaped {
		killTrees(append(k.orphans.of(c), c.pid))
	}
}

// endAll kills all that is below the keeper, whosever it was, and returns
// when there is nothing left.
func (k *keeper) endAll() {
	k.mu.Lock()
	k.closing = true
	k.mu.Unlock()
	const most = time.Second
	for wait := time.Millisecond; ; wait = min(2*wait, most) {
		changed := k.orphans.changed()
		idle := len(k.starting) == 0 // from now on, too
		below := childrenOf(os.Getpid())
		if idle && len(below) == 0 {
			return
		}
		killTrees(below)
		select {
		case <-changed:
		case <-time.After(wait):
		}
	}
}

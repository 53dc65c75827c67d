package exec

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/belfry-cron/belfry/internal/keeper"
)

// lookEvery is how often it is looked whether the rest of a tree that was
// asked to end has done so.
const lookEvery = 10 * time.Millisecond

// direct is the host that is this process itself. With linger, a tree is ended
// only when its command is stopped.
type direct struct {
	starter *starter
	log     *slog.Logger
	linger  bool
}

func (d direct) start(_ context.Context, s keeper.Spec, cgroup *leaf) (begun, error) {
	p, err := d.starter.start(s.File, s.Args, &os.ProcAttr{
		Dir: s.Dir, Env: s.Env, Files: s.Files[:],
		Sys: startAttributes(s.Credential, cgroup),
	})
	if err != nil {
		return begun{}, err
	}
	c := &directChild{
		host: p, tree: tree{group: p.Pid, cgroup: cgroup}, log: d.log, linger: d.linger,
		killed: make(chan struct{}), ended: make(chan keeper.End, 1),
	}
	b := begun{child: c, pid: p.Pid, at: time.Now()}
	go c.attend()
	return b, nil
}

func (d direct) close() error {
	d.starter.close()
	return nil
}

// directChild is a command whose parent is this process.
type directChild struct {
	host *os.Process
	tree tree
	log  *slog.Logger
	// linger: what the command leaves in its group when it ends lives on.
	linger bool

	ended  chan keeper.End
	killed chan struct{} // closed by Kill
	once   sync.Once

	// mu keeps signals to the group, and reaping, after which the group may
	// be somebody else's, apart.
	mu       sync.Mutex
	stopping bool
	reaped   bool
}

// Ended gives, once, how the command ended.
func (c *directChild) Ended() <-chan keeper.End { return c.ended }

// Terminate asks the tree to end, unless the command has ended already: one
// that nobody has reaped yet takes a signal as if it lived, and its own end
// would be taken for ours.
func (c *directChild) Terminate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped || hasEnded(c.host) {
		return
	}
	c.stopping = true
	c.tree.terminate()
}

// Kill ends the tree, with the command if it is still in it.
func (c *directChild) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		c.tree.killGroup()
	}
	c.tree.killCgroup()
	c.once.Do(func() { close(c.killed) })
}

// attend follows the command to its end.
func (c *directChild) attend() {
	end := c.reap()
	if end.Stopped {
		c.awaitRest()
	}
	c.ended <- end
}

// reap waits for the command and kills what it leaves in its group, unless
// that may linger, or the tree was asked to end and still has time to do so.
func (c *directChild) reap() keeper.End {
	state, err := awaitEnd(c.host)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping && !c.linger {
		c.tree.killGroup()
	}
	if state == nil {
		state, err = c.host.Wait()
	}
	c.reaped = true
	if err != nil {
		c.log.Error("waiting for a command", "pid", c.host.Pid, "error", err)
		return keeper.End{Err: err}
	}
	end := keeper.End{Stopped: c.stopping, CPU: state.UserTime() + state.SystemTime(), PeakBytes: peakOf(state)}
	end.Status, _ = state.Sys().(syscall.WaitStatus)
	return end
}

// awaitRest gives those who outlive the command until they are to be killed:
// a shell dies of SIGTERM at once, while what it runs may be tidying up.
func (c *directChild) awaitRest() {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for !c.tree.empty() {
		select {
		case <-look.C:
		case <-c.killed:
			// The group had members an instant ago, so it is still theirs.
			c.tree.killGroup()
			return
		}
	}
}

package keeper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

const (
	// helloWithin is how long a keeper may take until it is ready, and a
	// command waits for one.
	helloWithin = 10 * time.Second
	// firstTries is how often Start tries.
	firstTries = 3
	// firstWait and mostWait bound the waits before a keeper is started in the
	// place of one that died. One that lived for longer than mostWait begins
	// them anew.
	firstWait = 100 * time.Millisecond
	mostWait  = 30 * time.Second
)

// errNoKeeper says why a command that waited for a keeper was not started.
var errNoKeeper = errors.New("the worker's keeper died and could not be started again yet; the worker's log says why")

// Client starts commands through a keeper. Its methods may be called from
// several goroutines.
type Client struct {
	o       Options
	metrics *metrics
	last    atomic.Uint64 // the number given to a command last
	ended   chan error    // closed when the client has ended
	closing chan struct{}
	once    sync.Once

	mu sync.Mutex
	// life is the keeper there is; nil while there is none. changed is closed
	// when that changes.
	life    *life
	changed chan struct{}
}

// Start starts a keeper, after it has killed what a dead one of its name left
// running.
func Start(o Options) (*Client, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	o.Name = url.PathEscape(o.Name)
	if err := Seal(); err != nil {
		return nil, err
	}
	if n := sweepName(o.Name); n > 0 {
		o.Log.Warn("an earlier worker of this name had left processes running; they are killed", "processes", n)
	}
	l, err := launch(o)
	for tries := 1; err != nil && tries < firstTries; tries++ {
		l, err = launch(o)
	}
	if err != nil {
		return nil, fmt.Errorf("starting a keeper: %w", err)
	}
	c := &Client{
		o: o, metrics: newMetrics(o.Registry), life: l,
		ended: make(chan error, 1), closing: make(chan struct{}), changed: make(chan struct{}),
	}
	go c.supervise(l)
	return c, nil
}

// Command starts a command. The error is why it was not started: a
// syscall.Errno if the kernel said so.
func (c *Client) Command(ctx context.Context, s Spec) (*Process, error) {
	wait, stop := context.WithTimeoutCause(ctx, helloWithin, errNoKeeper)
	defer stop()
	var l *life
	for {
		var err error
		if l, err = c.await(wait, l); err != nil {
			return nil, err
		}
		p := &Process{id: c.last.Add(1), order: l.order, ended: make(chan End, 1)}
		if err = l.start(p, s); !errors.Is(err, errGone) {
			return p, err
		}
	}
}

// await waits until there is a keeper, and another than the one that is gone.
func (c *Client) await(ctx context.Context, gone *life) (*life, error) {
	for {
		c.mu.Lock()
		l, changed := c.life, c.changed
		c.mu.Unlock()
		switch {
		case c.isClosing():
			return nil, ErrClosed
		case l != nil && l != gone:
			return l, nil
		}
		select {
		case <-changed:
		case <-c.closing:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (c *Client) set(l *life) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life = l
	close(c.changed)
	c.changed = make(chan struct{})
}

// Close ends the keeper, and with it whatever it still has running.
func (c *Client) Close() error {
	c.once.Do(func() {
		close(c.closing)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.life != nil {
			c.life.line.close()
		}
	})
	return <-c.ended
}

func (c *Client) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// supervise follows one keeper after the other.
func (c *Client) supervise(l *life) {
	defer close(c.ended)
	if os.Getpid() == 1 {
		defer reapOrphans()()
	}
	for wait := firstWait; l != nil; {
		born := time.Now()
		l.follow()
		c.set(nil)
		err := l.await()
		if c.isClosing() {
			l.lose(ErrClosed)
			c.ended <- err
			return
		}
		c.metrics.deaths.Inc()
		swept := l.sweep()
		c.o.Log.Error("the keeper died; its commands are killed and lost",
			"commands", len(l.lost()), "left_running", swept, "error", err)
		l.lose(ErrLost)
		if time.Since(born) > mostWait {
			wait = firstWait
		}
		l, wait = c.restart(wait)
	}
}

// restart starts another keeper, after a wait; nil if the client closes. It
// returns the wait before the next.
func (c *Client) restart(wait time.Duration) (*life, time.Duration) {
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.closing:
			timer.Stop()
			return nil, wait
		}
		wait = min(2*wait, mostWait)
		l, err := launch(c.o)
		if err == nil {
			c.set(l)
			if c.isClosing() {
				l.line.close() // Close did not see it
			}
			return l, wait
		}
		c.o.Log.Error("starting a keeper; commands wait for it", "error", err, "again_in", wait)
	}
}

// newMark tells the processes of one keeper from those of all others.
func newMark(name string) string { return name + "." + rand.Text()[:12] }

// launch starts a keeper's process and waits until it is ready.
func launch(o Options) (*life, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "keeper")
	own, err := newLine(os.NewFile(uintptr(fds[0]), "keeper"))
	if err != nil {
		return nil, errors.Join(err, theirs.Close())
	}
	mark := newMark(o.Name)
	p, err := startKeeper(o.Argv, mark, theirs)
	if err := errors.Join(err, theirs.Close()); err != nil {
		own.close()
		return nil, err
	}
	l := &life{mark: mark, line: own, host: p, running: map[uint64]*Process{}, waiting: map[uint64]chan error{}}
	if err := l.hello(); err != nil {
		own.close()
		_ = p.Kill() // it may be stuck before it sees its end
		return nil, errors.Join(err, l.await())
	}
	return l, nil
}

// startKeeper runs this program again, whatever became of its file. The
// session of its own keeps the terminal's signals from it and its commands;
// its environment is empty, since it reads none.
func startKeeper(argv []string, mark string, socket *os.File) (*os.Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("starting a process: %w", err)
	}
	p, err := os.StartProcess("/proc/self/exe", append(append([]string(nil), argv...), mark), &os.ProcAttr{
		Env:   []string{},
		Files: []*os.File{null, null, os.Stderr, socket},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err := errors.Join(err, null.Close()); err != nil {
		return nil, fmt.Errorf("starting a process: %w", err)
	}
	return p, nil
}

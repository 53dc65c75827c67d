package keeper

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// life is one keeper, as its client knows it.
type life struct {
	mark string
	line *line
	host *os.Process

	mu      sync.Mutex
	over    bool // it has ended, and no answer comes any more
	running map[uint64]*Process
	waiting map[uint64]chan error // those that are not started yet
}

// hello waits until the keeper says that it is ready.
func (l *life) hello() error {
	if err := l.line.conn.SetReadDeadline(time.Now().Add(helloWithin)); err != nil {
		return fmt.Errorf("waiting for the keeper: %w", err)
	}
	kind, r, err := l.line.read()
	if err != nil {
		return fmt.Errorf("waiting for the keeper: %w", err)
	}
	problem := r.text()
	switch err := r.finish(); {
	case err != nil:
		return err
	case kind != kindHello:
		return errGarbled
	case problem != "":
		return errors.New(problem)
	}
	if err := l.line.conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("waiting for the keeper: %w", err)
	}
	return nil
}

// errGone says that a keeper had died before it was asked.
var errGone = errors.New("the keeper is gone")

// start has the keeper start p, and waits for its answer. If the keeper dies
// before that nobody knows whether it had: then p has started, and is lost.
func (l *life) start(p *Process, s Spec) error {
	frame, files := s.encode(p.id, l.mark)
	answer := make(chan error, 1)
	if !l.expect(p, answer) {
		return errGone
	}
	if err := l.line.write(frame, files...); err != nil && l.forget(p.id) {
		return notAsked(err)
	}
	return <-answer
}

// notAsked is what becomes of a start whose frame was not taken.
func notAsked(err error) error {
	switch {
	case errors.Is(err, errTooLong):
		return unix.E2BIG
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET), errors.Is(err, net.ErrClosed):
		return errGone
	default:
		return err
	}
}

// encode is the frame that asks for s, and what goes with it.
func (s *Spec) encode(id uint64, mark string) (frame []byte, files []int) {
	m := startMessage{
		id: id, file: s.File, dir: s.Dir, args: s.Args, credential: s.Credential, inCgroup: s.Cgroup != nil,
		env: append(append([]string(nil), s.Env...), treeEntry(mark, id)),
	}
	for _, f := range s.Files {
		files = append(files, int(f.Fd()))
	}
	if s.Cgroup != nil {
		files = append(files, int(s.Cgroup.Fd()))
	}
	return m.encode(), files
}

// expect makes the answer about p go to where it is waited for; false if the
// keeper has died.
func (l *life) expect(p *Process, answer chan error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	l.running[p.id], l.waiting[p.id] = p, answer
	return true
}

// forget expects no answer any more; false if it has come.
func (l *life) forget(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.waiting[id] != nil
	if waiting {
		delete(l.running, id)
		delete(l.waiting, id)
	}
	return waiting
}

// order tells the keeper about a command. If it cannot be told, it is dead.
func (l *life) order(kind kind, id uint64) { _ = l.line.write(orderMessage{kind, id}.encode()) }

// follow takes what the keeper says until it has died.
func (l *life) follow() {
	defer l.line.close()
	for {
		kind, r, err := l.line.read()
		if err != nil {
			return
		}
		switch kind {
		case kindStarted:
			m, err := decodeStarted(r)
			if err != nil {
				return
			}
			l.started(m)
		case kindEnded:
			m, err := decodeEnded(r)
			if err != nil {
				return
			}
			l.ended(m)
		case kindStart, kindTerminate, kindKill, kindHello:
			return
		default:
			return
		}
	}
}

func (l *life) started(m startedMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, answer := l.running[m.id], l.waiting[m.id]
	if answer == nil {
		return
	}
	delete(l.waiting, m.id)
	if m.errno != 0 {
		delete(l.running, m.id)
		answer <- m.errno
		return
	}
	p.Pid, p.Started = m.pid, m.at
	answer <- nil
}

func (l *life) ended(m endedMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.running[m.id]; p != nil {
		delete(l.running, m.id)
		p.ended <- m.end
	}
}

// endWithin bounds the wait for a keeper that was told to end.
const endWithin = 2 * killWithin

// await waits for the end of the keeper's process, within bounds: it ends
// only when all below it are dead.
func (l *life) await() error {
	over := make(chan struct{})
	go func() {
		_, _ = l.host.Wait() // its status may have gone to who reaps orphans
		close(over)
	}()
	timer := time.NewTimer(endWithin)
	defer timer.Stop()
	select {
	case <-over:
		return nil
	case <-timer.C:
		return fmt.Errorf("keeper %d does not end: it waits for processes that do not die of SIGKILL", l.host.Pid)
	}
}

// lost are the processes of the commands that had not ended.
func (l *life) lost() map[int]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	groups := map[int]bool{}
	for _, p := range l.running {
		if p.Pid > 0 {
			groups[p.Pid] = true
		}
	}
	return groups
}

// lose ends all commands that had not ended, since the keeper has.
func (l *life) lose(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for id, p := range l.running {
		if answer := l.waiting[id]; answer != nil {
			p.Started = time.Now()
			answer <- nil
		}
		p.ended <- End{Err: why}
	}
	clear(l.running)
	clear(l.waiting)
}

// reapOrphans takes the ends of all children, which the first process of a
// container must: whoever loses its parent there, and is below no keeper,
// becomes its child. It returns what ends that.
//
// A process that waits for a child of its own may find its end taken. Here that
// are keepers, of which only the end itself is wanted.
func reapOrphans() (stop func()) {
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, unix.SIGCHLD)
	done := make(chan struct{})
	go func() {
		for {
			for {
				pid, err := syscall.Wait4(-1, nil, unix.WNOHANG, nil)
				if pid <= 0 && !errors.Is(err, unix.EINTR) {
					break
				}
			}
			select {
			case <-deaths:
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(deaths)
		close(done)
	}
}

package keeper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// orphan is a process that lost its parent below the keeper. Until the keeper
// reaps it, its number is its own.
type orphan struct {
	pid, group, session int
	born                int64 // in ticks of the boot clock
	// owner is the command it belongs to; nil if nobody knows, or if that
	// command is no more, which is over.
	owner *command
	over  bool
	// givenUp: its command's end did not wait for it any longer.
	givenUp bool
}

// orphans are the children of the keeper's first thread.
type orphans struct {
	// ownerOf finds an orphan's command by what is known of it.
	ownerOf func(*orphan) (c *command, over bool)

	mu    sync.Mutex
	list  *os.File // the kernel's list of them
	known map[int]*orphan
	cpu   map[*command]time.Duration // of those reaped
	next  chan struct{}              // closed when one was reaped
}

func newOrphans(ownerOf func(*orphan) (*command, bool)) (*orphans, error) {
	list, err := os.Open(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("lists of children need a kernel with CONFIG_PROC_CHILDREN: %w", err)
	}
	return &orphans{
		ownerOf: ownerOf, list: list,
		known: map[int]*orphan{}, cpu: map[*command]time.Duration{}, next: make(chan struct{}),
	}, nil
}

// none reports whether there are no orphans at all, as at most times.
func (s *orphans) none() bool {
	var one [1]byte
	n, err := s.list.ReadAt(one[:], 0)
	return n == 0 && errors.Is(err, io.EOF)
}

// changed returns what is closed when the next orphan is reaped.
func (s *orphans) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// of are the orphans that belong to c.
func (s *orphans) of(c *command) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	var pids []int
	for _, o := range s.known {
		if o.owner == c {
			pids = append(pids, o.pid)
		}
	}
	return pids
}

// strays are the orphans of which no command is known that could end them.
func (s *orphans) strays() []orphan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	var strays []orphan
	for _, o := range s.known {
		if o.owner == nil && !o.givenUp {
			strays = append(strays, *o)
		}
	}
	return strays
}

// give makes a stray c's.
func (s *orphans) give(pid int, c *command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.known[pid]; o != nil {
		o.owner = c
	}
}

// forget gives up the orphans of c that are left, and returns what those that
// were reaped used of the processors.
func (s *orphans) forget(c *command) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	cpu := s.cpu[c]
	delete(s.cpu, c)
	for _, o := range s.known {
		if o.owner == c {
			o.owner, o.over, o.givenUp = nil, true, true
		}
	}
	return cpu
}

// look learns of orphans that are new, and whose they are.
func (s *orphans) look() []int {
	pids := s.pids()
	fresh := false
	for _, pid := range pids {
		// A stray is looked at again: in the instant of an exec a process has
		// no environment.
		if o := s.known[pid]; o != nil && (o.owner != nil || o.over) {
			continue
		}
		o, ok := readOrphan(pid)
		if !ok {
			continue
		}
		o.owner, o.over = s.ownerOf(o)
		s.known[pid] = o
		fresh = true
	}
	if fresh {
		s.relate()
	}
	return pids
}

// relate gives strays to whom those in their session or group belong.
func (s *orphans) relate() {
	kin := map[int]*orphan{}
	for _, o := range s.known {
		if o.owner != nil || o.over {
			kin[o.pid], kin[o.group], kin[o.session] = o, o, o
		}
	}
	delete(kin, ownSession()) // all groups of all commands begin in it
	for _, o := range s.known {
		if o.owner != nil || o.over {
			continue
		}
		for _, number := range []int{o.group, o.session} {
			if k := kin[number]; k != nil {
				o.owner, o.over = k.owner, k.over
			}
		}
	}
}

// reap takes the ends of all orphans that have died.
func (s *orphans) reap() {
	if s.none() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reapedAny := false
	for _, pid := range s.look() {
		var usage syscall.Rusage
		reaped, err := syscall.Wait4(pid, nil, unix.WNOHANG, &usage)
		if reaped != pid && !errors.Is(err, unix.ECHILD) {
			continue
		}
		if o := s.known[pid]; o != nil && o.owner != nil {
			s.cpu[o.owner] += cpuOf(&usage)
		}
		delete(s.known, pid)
		reapedAny = true
	}
	if reapedAny {
		close(s.next)
		s.next = make(chan struct{})
	}
}

// pids reads the kernel's list.
func (s *orphans) pids() []int {
	text, err := io.ReadAll(io.NewSectionReader(s.list, 0, mostList))
	if err != nil {
		return nil
	}
	return numbers(strings.Fields(string(text)))
}

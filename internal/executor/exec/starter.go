package exec

import (
	"errors"
	"os"
	"runtime"
)

// starter starts processes, all from one thread of the operating system.
//
// On Linux a process asks to be killed when its parent dies, but the kernel
// takes the parent to be the thread that started it, and Go may end a thread
// whenever a goroutine locked to it ends. So all starts are made by one
// goroutine that holds its thread until close, and then gives it back alive.
type starter struct {
	requests chan startRequest
	closed   chan struct{}
}

type startRequest struct {
	file  string
	args  []string
	attr  *os.ProcAttr
	reply chan startReply
}

type startReply struct {
	process *os.Process
	err     error
}

func newStarter() *starter {
	s := &starter{requests: make(chan startRequest), closed: make(chan struct{})}
	go s.loop()
	return s
}

func (s *starter) loop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case r := <-s.requests:
			p, err := os.StartProcess(r.file, r.args, r.attr)
			r.reply <- startReply{p, err}
		case <-s.closed:
			return
		}
	}
}

// start is os.StartProcess on the starter's thread.
func (s *starter) start(file string, args []string, attr *os.ProcAttr) (*os.Process, error) {
	r := startRequest{file, args, attr, make(chan startReply, 1)}
	select {
	case s.requests <- r:
	case <-s.closed:
		return nil, errors.New("the executor is closed")
	}
	reply := <-r.reply
	return reply.process, reply.err
}

func (s *starter) close() { close(s.closed) }

package keeper

import (
	"errors"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	// ErrLost says that the keeper died while it had the command: its processes
	// were killed, how it went nobody knows.
	ErrLost = errors.New("the keeper of the command died, and the command was killed")
	// ErrClosed says that no command is started any more.
	ErrClosed = errors.New("the keeper is closed")
)

// Options say what a client's keeper is.
type Options struct {
	// Argv is the command line that makes this program call Main, as far as
	// that: the client adds what Main takes.
	Argv []string

	// Name tells the keepers of workers on one host apart. Start kills what a
	// dead keeper of the same name left running.
	Name string

	Registry prometheus.Registerer // nil: nobody looks
	Log      *slog.Logger          // nil discards it
}

// Spec is a command to be started.
type Spec struct {
	// File is executed, found from Dir, with Args, of which the first is its
	// own name, and Env, to which BELFRY_TREE is added.
	File      string
	Args, Env []string
	// Dir is where it runs; empty means the keeper's, which is where the
	// worker was when it started.
	Dir string
	// Credential is whom it runs as; nil means as the worker.
	Credential *syscall.Credential
	// Files are its stdin, stdout and stderr.
	Files [3]*os.File
	// Cgroup is the directory of the v2 cgroup it begins in; nil: the keeper's.
	Cgroup *os.File
}

// End is how a command ended.
type End struct {
	// Err is ErrLost if nobody knows; the rest says nothing then.
	Err error

	Status syscall.WaitStatus
	// Stopped: it was asked to end before it had ended by itself.
	Stopped bool
	// CPU is what its process used of the processors, with all that it waited
	// for, and all of its tree that the keeper reaped.
	CPU time.Duration
	// PeakBytes is the greatest resident set of its process and those it
	// waited for; 0 if it is not above what the keeper itself has.
	PeakBytes int64
	// Left counts the processes of its tree that did not die of SIGKILL in
	// time.
	Left int
}

// Process is a command that was started.
type Process struct {
	id    uint64
	order func(kind, uint64)

	// Pid and Started are its process's number and when that was made.
	Pid     int
	Started time.Time

	ended chan End
}

// Ended gives, once, how the command ended, when nothing of its tree is left.
func (p *Process) Ended() <-chan End { return p.ended }

// Terminate asks the command's whole tree to end. Whoever outlives the
// command's own process has until Kill to do so.
func (p *Process) Terminate() { p.order(kindTerminate, p.id) }

// Kill kills the whole tree.
func (p *Process) Kill() { p.order(kindKill, p.id) }

package kafkatest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// processes starts and ends processes, each in a group of its own. Unless
// detached, the kernel ends them with the program that started them, however
// that ends.
type processes struct {
	detach bool
	starts chan func() // run on one thread, kept for as long as the processes live

	mu   sync.Mutex
	byID map[string]*process
}

type process struct {
	cmd    *exec.Cmd
	done   chan struct{}
	killed bool
}

func newProcesses(detach bool) *processes {
	starts := make(chan func())
	p := &processes{detach: detach, starts: starts, byID: map[string]*process{}}
	// The kernel's "parent died" is the death of the thread that forked, and
	// Go's threads come and go: one of our own does all the starting.
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	return p
}

// start runs cmd as name, its output appended to the file log.
func (p *processes) start(name string, cmd *exec.Cmd, log string) error {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the process has its own
	cmd.Stdout, cmd.Stderr = f, f
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if p.detach {
		cmd.SysProcAttr.Setsid = true
	} else {
		cmd.SysProcAttr.Setpgid = true
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	started := make(chan error)
	p.starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	proc := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(proc.done)
	}()
	p.mu.Lock()
	p.byID[name] = proc
	p.mu.Unlock()
	return nil
}

func (p *processes) get(name string) (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc := p.byID[name]
	if proc == nil {
		return nil, fmt.Errorf("%s was never started", name)
	}
	return proc, nil
}

func (p *processes) running(name string) bool {
	proc, err := p.get(name)
	return err == nil && !proc.ended()
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal sends s to the process group of name.
func (p *processes) signal(name string, s syscall.Signal) error {
	proc, err := p.get(name)
	if err != nil {
		return err
	}
	if proc.ended() {
		return fmt.Errorf("%s has ended", name)
	}
	return syscall.Kill(-proc.cmd.Process.Pid, s)
}

// kill ends name and waits for it.
func (p *processes) kill(name string) error {
	proc, err := p.get(name)
	if err != nil {
		return err
	}
	p.mu.Lock()
	proc.killed = true
	p.mu.Unlock()
	if err := p.signal(name, syscall.SIGKILL); err != nil {
		return err
	}
	<-proc.done
	return nil
}

// terminate asks name to end and waits for it, for no longer than limit.
func (p *processes) terminate(name string, limit time.Duration) error {
	proc, err := p.get(name)
	if err != nil {
		return err
	}
	p.mu.Lock()
	proc.killed = true
	p.mu.Unlock()
	if err := p.signal(name, syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-proc.done:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("%s has not shut down after %s", name, limit)
	}
}

// exited names a process that ended without being killed by us.
func (p *processes) exited() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, proc := range p.byID {
		if proc.ended() && !proc.killed {
			return name, true
		}
	}
	return "", false
}

func (p *processes) pids() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	pids := make(map[string]int, len(p.byID))
	for name, proc := range p.byID {
		pids[name] = proc.cmd.Process.Pid
	}
	return pids
}

// stop ends all that still run and the thread that started them.
func (p *processes) stop() {
	p.mu.Lock()
	procs := p.byID
	p.byID = map[string]*process{}
	p.mu.Unlock()
	for _, proc := range procs {
		if !proc.ended() {
			_ = syscall.Kill(-proc.cmd.Process.Pid, syscall.SIGKILL) // gone already is as good
		}
	}
	for _, proc := range procs {
		<-proc.done
	}
	if p.starts != nil {
		close(p.starts)
		p.starts = nil
	}
}

package site

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Site is belfry as processes on one host: where it is, what environment it
// gets, where its logs go.
type Site struct {
	Bin string
	Env []string
	Dir string

	once   sync.Once
	starts chan func()

	mu   sync.Mutex
	all  []*Process
	pids map[int]string
}

// Process is one life of one member.
type Process struct {
	Name string

	cmd  *exec.Cmd
	done chan struct{}
}

// Run runs belfry to its end and returns what it printed.
func (s *Site) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Bin, args...)
	cmd.Env = s.Env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("belfry %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// Start starts a member under a name, its output appended to NAME.log. The
// kernel ends it with this program, however that ends.
func (s *Site) Start(name string, args ...string) (*Process, error) {
	return s.launch(name, append(slices.Clone(args), "--name", name))
}

// Up starts `belfry up` with these arguments, likewise, its output in up.log.
// Its members name themselves.
func (s *Site) Up(args ...string) (*Process, error) {
	return s.launch("up", append([]string{"up"}, args...))
}

func (s *Site) launch(name string, args []string) (*Process, error) {
	logs, err := os.OpenFile(filepath.Join(s.Dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }() // the process has its own
	cmd := exec.Command(s.Bin, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.Env, logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.onThread(cmd.Start); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &Process{Name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pids == nil {
		s.pids = map[int]string{}
	}
	s.pids[cmd.Process.Pid] = name
	s.all = append(s.all, p)
	return p, nil
}

// onThread calls f on one thread that lives as long as the program: a
// parent's death, to the kernel, is that of the thread that forked.
func (s *Site) onThread(f func() error) error {
	s.once.Do(func() {
		s.starts = make(chan func())
		go func() {
			runtime.LockOSThread()
			for start := range s.starts {
				start()
			}
		}()
	})
	err := make(chan error)
	s.starts <- func() { err <- f() }
	return <-err
}

// Names gives the member of each process ID there has been.
func (s *Site) Names() map[int]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.pids)
}

// Stop kills every process that was started.
func (s *Site) Stop() {
	s.mu.Lock()
	all := s.all
	s.all = nil
	s.mu.Unlock()
	for _, p := range all {
		p.Kill()
	}
}

// Alive reports whether the process has not ended.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// ExitCode waits until the process has ended and returns its exit code, -1 if
// a signal ended it.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // gone already is as good
	<-p.done
}

// Freeze stops the process where it stands, Thaw lets it go on.
func (p *Process) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (p *Process) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Frozen reports whether the kernel says that the process is stopped.
func (p *Process) Frozen() bool { return Stopped(p.cmd.Process.Pid) }

// Stopped reports whether the kernel says that a process is stopped.
func Stopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return bytes.HasPrefix(rest, []byte("T"))
}

// Leave asks the process to end, and kills it if it has not within a limit;
// then it reports an error.
func (p *Process) Leave(limit time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && p.Alive() {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(limit):
		p.Kill()
		return fmt.Errorf("%s had not left after %s", p.Name, limit)
	}
}

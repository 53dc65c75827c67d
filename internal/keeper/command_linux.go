package keeper

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// command is one command of a keeper.
type command struct {
	id    uint64
	pid   int
	pidfd *os.File
	at    time.Time
	began int64 // in ticks of the boot clock, not after its process was born
	// over belongs to the keeper's lock: its process has ended, and the rest of
	// its tree has no time left.
	over bool

	killed   chan struct{} // closed when nobody of its tree has time left
	killOnce sync.Once

	// mu keeps signals to its process and group, and reaping, after which the
	// numbers may be somebody else's, apart.
	mu               sync.Mutex
	stopping, reaped bool

	// seen are its descendants of when it was asked to end.
	seeing sync.Mutex
	seen   map[int]bool
}

// fork makes the command's process, with its own group, and killed when this
// keeper is gone.
func (c *command) fork(m startMessage, files []int) error {
	pidfd := -1
	attr := &syscall.ProcAttr{
		Dir: m.dir, Env: m.env,
		Files: []uintptr{uintptr(files[0]), uintptr(files[1]), uintptr(files[2])},
		Sys: &syscall.SysProcAttr{
			Setpgid: true, Pdeathsig: unix.SIGKILL, Credential: m.credential, PidFD: &pidfd,
		},
	}
	if m.inCgroup {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, files[3]
	}
	pid, err := syscall.ForkExec(m.file, m.args, attr)
	if err != nil {
		return err
	}
	c.at, c.pid = time.Now(), pid
	_ = unix.SetNonblock(pidfd, true) // or a thread waits for it
	c.pidfd = os.NewFile(uintptr(pidfd), "process")
	return nil
}

// awaitEnd waits until the command's process has ended, and leaves it
// unreaped, so that its number and its group's stay its own.
func (c *command) awaitEnd() {
	raw, err := c.pidfd.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool { return ended(fd, unix.WNOHANG) })
	}
	if err != nil {
		ended(c.pidfd.Fd(), 0)
	}
}

// ended reports whether the process of a descriptor has ended.
func ended(pidfd uintptr, options int) bool {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PIDFD, int(pidfd), &info, unix.WEXITED|unix.WNOWAIT|options, nil)
		if !errors.Is(err, unix.EINTR) {
			return err != nil || info.Signo != 0
		}
	}
}

func hasEnded(pidfd *os.File) bool {
	raw, err := pidfd.SyscallConn()
	over := true
	if err == nil {
		err = raw.Control(func(fd uintptr) { over = ended(fd, unix.WNOHANG) })
	}
	return err != nil || over
}

// reap takes the end of the command's process, after it has killed what that
// leaves in its group, unless the tree was asked to end and has time left.
func (c *command) reap() End {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		_ = syscall.Kill(-c.pid, unix.SIGKILL)
	}
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(c.pid, &status, 0, &usage)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	c.reaped = true
	_ = c.pidfd.Close()
	return End{Status: status, Stopped: c.stopping, CPU: cpuOf(&usage), PeakBytes: peakOf(&usage)}
}

func (c *command) kill() { c.killOnce.Do(func() { close(c.killed) }) }

func (c *command) see(pids []int) {
	c.seeing.Lock()
	defer c.seeing.Unlock()
	for _, pid := range pids {
		c.seen[pid] = true
	}
}

func (c *command) saw(pid int) bool {
	c.seeing.Lock()
	defer c.seeing.Unlock()
	return c.seen[pid]
}

func cpuOf(usage *syscall.Rusage) time.Duration {
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakOf is the greatest resident set, in bytes, of an ended process and of
// those it waited for; 0 if the kernel's figure does not tell.
//
// The kernel starts that figure, in the instant of exec, from the peak of
// whoever forked, which is this process: only what is clearly above our own
// peak is the command's.
func peakOf(usage *syscall.Rusage) int64 {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0
	}
	const slack = 1 << 10 // KiB; resident pages are counted loosely
	if usage.Maxrss <= own.Maxrss+own.Maxrss/4+slack {
		return 0
	}
	return usage.Maxrss << 10
}

func errnoOf(err error) syscall.Errno {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return unix.EIO
}

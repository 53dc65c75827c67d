package exec

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// startAttributes puts the command into a group and a cgroup of its own, and
// has the kernel kill it when the thread that starts it, and so the worker,
// is gone.
func startAttributes(who *syscall.Credential, cgroup *leaf) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: who}
	if cgroup != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(cgroup.dir.Fd())
	}
	return attr
}

// awaitEnd waits until p has ended and leaves it unreaped, so that its group
// number stays its own. A nil state means just that.
func awaitEnd(p *os.Process) (*os.ProcessState, error) {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return nil, err
		}
	}
}

// hasEnded reports whether p has ended, reaped or not.
func hasEnded(p *os.Process) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err != nil && !errors.Is(err, unix.EINTR) || info.Signo != 0
}

// peakOf is the greatest resident set, in bytes, of the ended command and of
// those it waited for; 0 if the kernel's figure does not tell.
//
// The kernel starts that figure, in the instant of exec, from the peak of
// whoever forked, which is this process: only what is clearly above our own
// peak is the command's.
func peakOf(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
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

// peakResident is the greatest resident set, in bytes, that a living process
// has had since it executed its program; 0 if it is gone.
func peakResident(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(status, []byte("\nVmHWM:"))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("kB"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// groupRuns reports whether a living process is in the group. Those that are
// dead but not reaped, by whoever became their parent, keep the group's
// number taken and count as gone.
func groupRuns(group int) bool {
	if errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) {
		return false
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return true
	}
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // gone since
		}
		// The name, in parentheses, may hold anything; after it come the
		// state, the parent and the group.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}

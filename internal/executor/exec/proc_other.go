//go:build unix && !linux

package exec

import (
	"errors"
	"os"
	"syscall"
)

// startAttributes puts the command into a process group of its own. There is
// no way here to have it die with the worker.
func startAttributes(who *syscall.Credential, _ *leaf) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: who}
}

// awaitEnd waits until p has ended and reaps it: its group number may, if
// nobody else is in the group, be given away from then on.
func awaitEnd(p *os.Process) (*os.ProcessState, error) { return p.Wait() }

// hasEnded cannot tell here without reaping.
func hasEnded(*os.Process) bool { return false }

// peakOf is the greatest resident set, in bytes, of the ended command and of
// those it waited for.
func peakOf(state *os.ProcessState) int64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return int64(usage.Maxrss)
	}
	return 0
}

// peakResident is not to be had of a living process here.
func peakResident(int) int64 { return 0 }

// groupRuns reports whether the group has a member, dead or alive.
func groupRuns(group int) bool { return !errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) }

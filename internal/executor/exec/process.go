package exec

import (
	"context"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-cron/belfry/internal/keeper"
	"github.com/belfry-cron/belfry/internal/run"
)

// sampleEvery is how often a running command's memory is looked at.
const sampleEvery = time.Second

// process is one command while it runs.
type process struct {
	begun
	options  *Options
	cgroup   *leaf
	pipes    *pipes
	giveBack func(*leaf)
	linger   bool

	// largest is the greatest resident set seen so far, in bytes.
	largest int64
}

// ending is why a command was stopped; the zero value says that it was not.
type ending struct {
	state  run.State
	reason string
}

// attend waits until the command has ended, and ends it when its time is
// over or ctx is cancelled.
func (p *process) attend(ctx context.Context, timeout time.Duration) (keeper.End, ending) {
	var overdue <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout - time.Since(p.at))
		defer timer.Stop()
		overdue = timer.C
	}
	sample := time.NewTicker(sampleEvery)
	defer sample.Stop()
	for {
		var why ending
		select {
		case end := <-p.Ended():
			return end, ending{}
		case <-sample.C:
			p.sample()
			continue
		case <-overdue:
			why = ending{state: run.StateTimedOut}
		case <-ctx.Done():
			why = ending{state: run.StateCancelled, reason: context.Cause(ctx).Error()}
		}
		end := p.stop()
		if !end.Stopped {
			return end, ending{} // it had ended by itself
		}
		return end, why
	}
}

// sample notes the memory the tree uses: once it is gone nobody can tell.
func (p *process) sample() { p.largest = max(p.largest, largest(p.pid, p.cgroup)) }

// stop ends the command and its tree: asks, and after the grace kills.
func (p *process) stop() keeper.End {
	p.sample()
	p.Terminate()
	grace := time.NewTimer(p.options.KillGrace)
	defer grace.Stop()
	select {
	case end := <-p.Ended():
		return end
	case <-grace.C:
		p.Kill()
		return <-p.Ended()
	}
}

// settle clears up after the command and says how it ended.
func (p *process) settle(end keeper.End, why ending) run.Outcome {
	ended := time.Now()
	if p.cgroup != nil {
		p.cgroup.kill()
	}
	if p.pipes.drain(p.options.WaitDelay) && !p.linger {
		p.options.Log.Warn("a process that got away from its command held its output; the rest of it is lost",
			"pid", p.pid)
	}
	if end.Left > 0 {
		p.options.Log.Warn("processes of a command could not be killed", "pid", p.pid, "processes", end.Left)
	}
	o := run.Outcome{
		State:     why.state,
		Reason:    why.reason,
		ExitCode:  -1,
		StartedAt: p.at.UTC(),
		EndedAt:   ended.UTC(),
	}
	if end.Err != nil {
		o.State, o.Reason = run.StateLost, run.ReasonKeeperLost
	} else {
		o.ExitCode, o.Signal = end.Status.ExitStatus(), signalName(end.Status)
	}
	if o.State == "" {
		o.State = run.StateFailed
		if o.ExitCode == 0 {
			o.State = run.StateSucceeded
		}
	}
	o.CPUTime, o.PeakMemoryBytes = p.usage(end)
	p.giveBack(p.cgroup)
	return o
}

// signalName names the signal that ended a process; empty if none did.
func signalName(status syscall.WaitStatus) string {
	if !status.Signaled() {
		return ""
	}
	if name := unix.SignalName(status.Signal()); name != "" {
		return name
	}
	return status.Signal().String()
}

// usage is the processor time and the peak memory, in bytes, of the tree as
// far as the host counts them, else of the command and what it waited for.
func (p *process) usage(end keeper.End) (cpu time.Duration, peak int64) {
	cpu, peak = end.CPU, max(p.largest, end.PeakBytes)
	if p.cgroup == nil {
		return cpu, peak
	}
	if counted, ok := p.cgroup.cpuTime(); ok {
		cpu = counted
	}
	if counted, ok := p.cgroup.peakMemory(); ok {
		peak = counted
	}
	return cpu, peak
}

// largest returns the greatest resident set, in bytes, that any one of a
// command's processes has had so far; without a cgroup only its own.
func largest(pid int, cgroup *leaf) int64 {
	if cgroup == nil {
		return peakResident(pid)
	}
	var most int64
	for _, pid := range cgroup.pids() {
		most = max(most, peakResident(pid))
	}
	return most
}

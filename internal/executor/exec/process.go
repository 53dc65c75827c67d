package exec

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// sampleEvery is how often a running command's memory is looked at.
	sampleEvery = time.Second
	// lookEvery is how often it is looked whether the rest of a tree that
	// was asked to end has done so.
	lookEvery = 10 * time.Millisecond
)

// process is one command while it runs.
type process struct {
	options  *Options
	host     *os.Process
	tree     tree
	pipes    *pipes
	started  time.Time
	giveBack func(*leaf)

	// largest is the greatest resident set seen so far, in bytes.
	largest int64

	// ended is closed when the command was reaped; state is set by then.
	ended chan struct{}
	state *os.ProcessState

	// mu keeps signals to the group, and reaping, after which the group may
	// be somebody else's, apart.
	mu       sync.Mutex
	stopping bool
	reaped   bool
}

// ending is why a command was stopped; the zero value says that it was not.
type ending struct {
	state  run.State
	reason string
}

// reap waits for the command and kills what it leaves in its group, unless
// the tree was asked to end and still has time to do so.
func (p *process) reap() {
	state, err := awaitEnd(p.host)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopping {
		p.tree.killGroup()
	}
	if state == nil {
		state, err = p.host.Wait()
	}
	if err != nil {
		p.options.Log.Error("waiting for a command", "pid", p.host.Pid, "error", err)
	}
	p.state, p.reaped = state, true
	close(p.ended)
}

// attend waits until the command has ended, and ends it when its time is
// over or ctx is cancelled.
func (p *process) attend(ctx context.Context, timeout time.Duration) ending {
	var overdue <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout - time.Since(p.started))
		defer timer.Stop()
		overdue = timer.C
	}
	sample := time.NewTicker(sampleEvery)
	defer sample.Stop()
	for {
		var why ending
		select {
		case <-p.ended:
			return ending{}
		case <-sample.C:
			p.sample()
			continue
		case <-overdue:
			why = ending{state: run.StateTimedOut}
		case <-ctx.Done():
			why = ending{state: run.StateCancelled, reason: context.Cause(ctx).Error()}
		}
		if !p.stop() {
			return ending{}
		}
		return why
	}
}

// sample notes the memory the tree uses: once it is gone nobody can tell.
func (p *process) sample() { p.largest = max(p.largest, p.tree.largest()) }

// stop ends the command and its tree: asks, and after the grace kills. It
// reports false if the command had ended by itself.
func (p *process) stop() bool {
	p.sample()
	if !p.terminate() {
		<-p.ended
		return false
	}
	grace := time.NewTimer(p.options.KillGrace)
	defer grace.Stop()
	select {
	case <-p.ended:
		p.awaitRest(grace.C)
	case <-grace.C:
		p.kill()
		<-p.ended
	}
	return true
}

// terminate asks the tree to end, unless the command has ended already: one
// that nobody has reaped yet takes a signal as if it lived, and its own end
// would be taken for ours.
func (p *process) terminate() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped || hasEnded(p.host) {
		return false
	}
	p.stopping = true
	p.tree.terminate()
	return true
}

// kill ends the tree while the command is in it.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		p.tree.killGroup()
	}
	p.tree.killCgroup()
}

// awaitRest gives those who outlive the command the rest of the grace: a
// shell dies of SIGTERM at once, while what it runs may be tidying up.
func (p *process) awaitRest(grace <-chan time.Time) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for !p.tree.empty() {
		select {
		case <-look.C:
		case <-grace:
			// The group had members an instant ago, so it is still theirs.
			p.tree.killGroup()
			return
		}
	}
}

// settle clears up after the command and says how it ended.
func (p *process) settle(why ending) run.Outcome {
	ended := time.Now()
	p.tree.killCgroup()
	if p.pipes.drain(p.options.WaitDelay) {
		p.options.Log.Warn("a process that got away from its command held its output; the rest of it is lost",
			"pid", p.host.Pid)
	}
	o := run.Outcome{
		State:     why.state,
		Reason:    why.reason,
		ExitCode:  -1,
		StartedAt: p.started.UTC(),
		EndedAt:   ended.UTC(),
	}
	if p.state != nil {
		o.ExitCode = p.state.ExitCode()
		o.Signal = signalName(p.state)
	}
	if o.State == "" {
		o.State = run.StateFailed
		if o.ExitCode == 0 {
			o.State = run.StateSucceeded
		}
	}
	o.CPUTime, o.PeakMemoryBytes = p.usage()
	p.giveBack(p.tree.cgroup)
	return o
}

// signalName names the signal that ended a process; empty if none did.
func signalName(state *os.ProcessState) string {
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return ""
	}
	if name := unix.SignalName(status.Signal()); name != "" {
		return name
	}
	return status.Signal().String()
}

// usage is the processor time and the peak memory, in bytes, of the tree as
// far as the host counts them, else of the command and what it waited for.
func (p *process) usage() (cpu time.Duration, peak int64) {
	if p.state != nil {
		cpu = p.state.UserTime() + p.state.SystemTime()
		peak = max(p.largest, peakOf(p.state))
	}
	if p.tree.cgroup == nil {
		return cpu, peak
	}
	if counted, ok := p.tree.cgroup.cpuTime(); ok {
		cpu = counted
	}
	if counted, ok := p.tree.cgroup.peakMemory(); ok {
		peak = counted
	}
	return cpu, peak
}

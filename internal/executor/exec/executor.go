package exec

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Options are an executor's settings; the zero value of each is usable.
type Options struct {
	// Name tells this executor's cgroups from those of others on the host.
	// What an executor of the same name left running is killed by New, so it
	// has to be the same after a restart and different for every worker.
	// Empty means "worker".
	Name string

	// Cgroup gives every command a cgroup of its own where the host can.
	Cgroup bool

	// KillGrace is the time between asking a command to end and killing it;
	// 0 means 10 s.
	KillGrace time.Duration

	// WaitDelay is how long after a command's end a process that got away
	// from it may go on holding its output; 0 means 2 s.
	WaitDelay time.Duration

	// Log takes what no outcome can say; nil discards it.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Name = valueOr(o.Name, "worker")
	if o.KillGrace == 0 {
		o.KillGrace = 10 * time.Second
	}
	if o.WaitDelay == 0 {
		o.WaitDelay = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Executor runs commands as processes of this host. Its methods may be
// called from several goroutines.
type Executor struct {
	options Options
	starter *starter
	// cgroups is nil where commands have process groups only.
	cgroups *cgroups
	warned  sync.Once
}

// New returns an executor, after it has killed whatever one of the same name
// left running in its cgroups. If commands cannot have cgroups it logs why.
func New(options Options) *Executor {
	e := &Executor{options: options.withDefaults(), starter: newStarter()}
	if e.options.Cgroup {
		var err error
		if e.cgroups, err = openCgroups(e.options.Name, e.starter); err != nil {
			e.warnWithoutCgroup(err)
		}
	}
	return e
}

// warnWithoutCgroup says, once, that commands run without a cgroup.
func (e *Executor) warnWithoutCgroup(err error) {
	e.warned.Do(func() {
		e.options.Log.Warn("commands run without a cgroup: a process that leaves its command's process group outlives it",
			"error", err)
	})
}

// Close gives back what the executor holds. Call it when every Run has
// returned; a Run that starts later fails.
func (e *Executor) Close() error {
	e.starter.close()
	if e.cgroups == nil {
		return nil
	}
	if err := e.cgroups.close(); err != nil {
		return fmt.Errorf("closing the executor: %w", err)
	}
	return nil
}

// Run runs c to its end and says how it ended. When it returns, nothing that
// c started and that could be followed is running, and out is not called any
// more.
//
// A command that cannot be started fails with a StartFailure, and StartedAt
// is not set. One that exceeds its timeout, or whose ctx is cancelled, is
// asked to end with its whole tree (SIGTERM) and killed after the grace; the
// cause of the cancellation (context.Cause) is the outcome's Reason. The
// figures of the output are left to Stream.
func (e *Executor) Run(ctx context.Context, c Command, out Output) run.Outcome {
	if ctx.Err() != nil {
		return run.Outcome{
			State:    run.StateCancelled,
			ExitCode: -1,
			Reason:   context.Cause(ctx).Error(),
			EndedAt:  time.Now().UTC(),
		}
	}
	p, err := e.start(c, out)
	if err != nil {
		return run.Outcome{
			State:        run.StateFailed,
			ExitCode:     -1,
			StartFailure: err.Error(),
			EndedAt:      time.Now().UTC(),
		}
	}
	end := p.attend(ctx, c.Timeout)
	return p.settle(end)
}

// start starts c. The error is for the user: it becomes the StartFailure.
func (e *Executor) start(c Command, out Output) (*process, error) {
	who, err := findAccount(c.User)
	if err != nil {
		return nil, err
	}
	env, err := c.environment(who)
	if err != nil {
		return nil, err
	}
	dir, err := c.directory(who)
	if err != nil {
		return nil, err
	}
	file, err := c.program(env, dir)
	if err != nil {
		return nil, err
	}
	pipes, err := openPipes(c.Stdin != "")
	if err != nil {
		return nil, err
	}
	cgroup := e.takeCgroup()
	host, err := e.starter.start(file, c.Args, &os.ProcAttr{
		Dir:   dir,
		Env:   env,
		Files: pipes.child[:],
		Sys:   startAttributes(who, cgroup),
	})
	started := time.Now()
	pipes.closeChild()
	if err != nil {
		pipes.closeOwn()
		e.giveBack(cgroup)
		return nil, c.explain(file, err)
	}
	p := &process{
		options:  &e.options,
		host:     host,
		tree:     tree{group: host.Pid, cgroup: cgroup},
		pipes:    pipes,
		started:  started,
		ended:    make(chan struct{}),
		giveBack: e.giveBack,
	}
	pipes.copy(c.Stdin, out)
	go p.reap()
	return p, nil
}

// takeCgroup returns the cgroup of one run; nil if it is to have none.
func (e *Executor) takeCgroup() *leaf {
	if e.cgroups == nil {
		return nil
	}
	cgroup, err := e.cgroups.take()
	if err != nil {
		e.warnWithoutCgroup(err)
		return nil
	}
	return cgroup
}

// giveBack takes a run's cgroup back. One that cannot go yet is removed, and
// what is in it killed, when the next executor of this name begins.
func (e *Executor) giveBack(cgroup *leaf) {
	if cgroup == nil {
		return
	}
	if err := e.cgroups.giveBack(cgroup); err != nil {
		e.options.Log.Warn("a run's cgroup is left behind", "error", err)
	}
}

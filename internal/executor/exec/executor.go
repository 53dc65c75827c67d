package exec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/keeper"
	"github.com/belfry-cron/belfry/internal/run"
)

// How long the end of a command that heeds no signal takes at the most: see
// KillGrace and WaitDelay. A worker that has lost contact leaves time for both
// before its runs are started elsewhere.
const (
	DefaultKillGrace = 10 * time.Second
	DefaultWaitDelay = 2 * time.Second
)

// Options are an executor's settings; the zero value of each is usable.
type Options struct {
	// Name tells this executor's cgroups from those of others on the host.
	// What an executor of the same name left running is killed by New, so it
	// has to be the same after a restart and different for every worker.
	// Empty means "worker".
	Name string

	// Keeper is the command line that makes this program a keeper of commands
	// (keeper.Main). Empty means that commands are started without one, which
	// is also what happens where there can be none.
	Keeper []string

	// Cgroup gives every command a cgroup of its own where the host can.
	Cgroup bool

	// KillGrace is the time between asking a command to end and killing it;
	// 0 means 10 s.
	KillGrace time.Duration

	// WaitDelay is how long after a command's end a process that got away
	// from it may go on holding its output; 0 means 2 s.
	WaitDelay time.Duration

	// Registry takes the figures of the keeper; nil: nobody looks.
	Registry prometheus.Registerer

	// Log takes what no outcome can say; nil discards it.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Name = valueOr(o.Name, "worker")
	if o.KillGrace == 0 {
		o.KillGrace = DefaultKillGrace
	}
	if o.WaitDelay == 0 {
		o.WaitDelay = DefaultWaitDelay
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
	host    host
	// lingering is the host of commands whose processes may outlive them, which
	// a keeper would end; nil until the first.
	lingering direct
	first     sync.Once
	// cgroups is nil where commands have process groups only.
	cgroups *cgroups
	warned  sync.Once
}

// New returns an executor, after it has killed whatever one of the same name
// left running, as far as its keeper and cgroups tell. If commands cannot have
// a keeper or cgroups it logs why.
func New(options Options) *Executor {
	e := &Executor{options: options.withDefaults()}
	e.host = e.openHost()
	if e.options.Cgroup {
		var err error
		if e.cgroups, err = openCgroups(e.options.Name, e.host); err != nil {
			e.warnWithoutCgroup(err)
		}
	}
	return e
}

// openHost returns a keeper if there is to be one and can be.
func (e *Executor) openHost() host {
	o := &e.options
	if len(o.Keeper) > 0 {
		k, err := keeper.Start(keeper.Options{Argv: o.Keeper, Name: o.Name, Registry: o.Registry, Log: o.Log})
		if err == nil {
			return kept{k}
		}
		o.Log.Warn("commands run without a keeper: what they start may outlive them, and the worker", "error", err)
	}
	return e.openDirect()
}

// openDirect returns the host that is this process.
func (e *Executor) openDirect() direct {
	if err := keeper.Seal(); err != nil {
		e.options.Log.Warn("descriptors that this process inherited may reach commands", "error", err)
	}
	return direct{starter: newStarter(), log: e.options.Log}
}

// hostOf returns who starts c, and the cgroup for it: one that lingers has
// none, since a run's cgroup ends with it.
func (e *Executor) hostOf(c *Command) (host, *leaf) {
	if !c.Linger {
		return e.host, e.takeCgroup()
	}
	e.first.Do(func() {
		e.lingering = e.openDirect()
		e.lingering.linger = true
	})
	return e.lingering, nil
}

// warnWithoutCgroup says, once, that commands run without a cgroup.
func (e *Executor) warnWithoutCgroup(err error) {
	e.warned.Do(func() {
		if _, ok := e.host.(kept); ok {
			e.options.Log.Warn("commands run without a cgroup: only the command itself is measured", "error", err)
			return
		}
		e.options.Log.Warn("commands run without a cgroup: a process that leaves its command's process group outlives it",
			"error", err)
	})
}

// Close gives back what the executor holds. Call it when every Run has
// returned; a Run that starts later fails.
func (e *Executor) Close() error {
	err := e.host.close()
	if e.lingering.starter != nil {
		err = errors.Join(err, e.lingering.close())
	}
	if e.cgroups != nil {
		err = errors.Join(err, e.cgroups.close())
	}
	if err != nil {
		return fmt.Errorf("closing the executor: %w", err)
	}
	return nil
}

// Run runs c to its end and says how it ended. When it returns, nothing that
// c started and that could be followed is running, unless c lingers, and out is
// not called any more.
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
	p, err := e.start(ctx, c, out)
	if err != nil {
		return run.Outcome{
			State:        run.StateFailed,
			ExitCode:     -1,
			StartFailure: err.Error(),
			EndedAt:      time.Now().UTC(),
		}
	}
	end, why := p.attend(ctx, c.Timeout)
	return p.settle(end, why)
}

// start starts c. The error is for the user: it becomes the StartFailure.
func (e *Executor) start(ctx context.Context, c Command, out Output) (*process, error) {
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
	host, cgroup := e.hostOf(&c)
	child, err := host.start(ctx, keeper.Spec{
		File: file, Args: c.Args, Env: env, Dir: dir, Credential: who.credential, Files: pipes.child,
	}, cgroup)
	pipes.closeChild()
	if err != nil {
		pipes.closeOwn()
		e.giveBack(cgroup)
		return nil, c.explain(file, err)
	}
	pipes.copy(c.Stdin, out)
	return &process{begun: child, options: &e.options, cgroup: cgroup, pipes: pipes, giveBack: e.giveBack, linger: c.Linger}, nil
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

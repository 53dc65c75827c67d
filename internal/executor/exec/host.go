package exec

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/keeper"
)

// host is who makes the processes of commands: a keeper, or this process
// itself where there is none.
type host interface {
	// start starts a command, in the cgroup given, if any. The error is the
	// kernel's.
	start(ctx context.Context, s keeper.Spec, cgroup *leaf) (begun, error)
	close() error
}

// begun is a command that was started.
type begun struct {
	child
	pid int
	at  time.Time
}

// child is a command with its tree.
type child interface {
	// Terminate asks the tree to end. What outlives the command's own process
	// has until Kill to do so.
	Terminate()
	Kill()
	// Ended gives, once, how the command ended, when of its tree nothing is
	// left that could be followed.
	Ended() <-chan keeper.End
}

// kept is the host that is a keeper.
type kept struct{ keeper *keeper.Client }

func (k kept) start(ctx context.Context, s keeper.Spec, cgroup *leaf) (begun, error) {
	s.Cgroup = cgroup.file()
	p, err := k.keeper.Command(ctx, s)
	if err != nil {
		return begun{}, err
	}
	return begun{child: p, pid: p.Pid, at: p.Started}, nil
}

func (k kept) close() error { return k.keeper.Close() }

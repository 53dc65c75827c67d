package web

import (
	"context"
	"errors"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

// action is something that can be done to jobs or runs.
type action struct {
	name   string
	verb   string // "Pause"
	done   string // "Paused"
	noun   string // what it is done to
	danger bool
	asks   bool // it is asked back even for one
	role   access.Role
	note   string // what people should know before
	do     func(ctx context.Context, s *steer.Steer, who access.Principal, t target, seen string) (run.ID, error)
}

// target is what something is done to: a job, or a run of it.
type target struct {
	job  string
	find query.Found
	then *job.Job // the definition that a run ran by, if it is known
}

// Name is how people know it.
func (t target) Name() string {
	if t.find.ID == "" {
		return t.job
	}
	return t.job + " " + shortID(t.find.ID)
}

func asked(a steer.Asked, err error) (run.ID, error) { return a.Run, err }

// actions are all there are.
func actions() []action { return append(jobActions(), runActions()...) }

// who is who acts.
type who = access.Principal

func jobActions() []action {
	return []action{
		{
			name: "pause", verb: "Pause", done: "Paused", noun: "job", role: access.Operator,
			note: "Due times of a paused job are skipped, and stand in its list with that reason.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, _ string) (run.ID, error) {
				return asked(s.Pause(ctx, w, t.job))
			},
		},
		{
			name: "resume", verb: "Resume", done: "Resumed", noun: "job", role: access.Operator,
			note: "Due times that were skipped meanwhile stay skipped.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, _ string) (run.ID, error) {
				return asked(s.Resume(ctx, w, t.job))
			},
		},
		{
			name: "run", verb: "Run", done: "Asked for a run of", noun: "job", role: access.Operator,
			note: "Each of them is run once, now, whatever its schedule says.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, key string) (run.ID, error) {
				return asked(s.Run(ctx, w, t.job, steer.RunOptions{Key: key}))
			},
		},
		{
			name: "delete", verb: "Delete", done: "Deleted", noun: "job", role: access.Editor, danger: true, asks: true,
			note: "Its history stays. A job that comes from a file comes back when the file is applied.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, seen string) (run.ID, error) {
				return "", s.DeleteJob(ctx, w, t.job, seen)
			},
		},
	}
}

func runActions() []action {
	return []action{
		{
			name: "cancel", verb: "Cancel", done: "Asked to cancel", noun: "run", role: access.Operator, danger: true, asks: true,
			note: "A command that is under way is ended.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, _ string) (run.ID, error) {
				return asked(s.Cancel(ctx, w, t.find))
			},
		},
		{
			name: "requeue", verb: "Requeue", done: "Requeued", noun: "run", role: access.Operator,
			note: "Each becomes a new run with the old due time, and the job's definition of today.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, key string) (run.ID, error) {
				return asked(s.Requeue(ctx, w, t.find, key))
			},
		},
		{
			name: "replay", verb: "Replay", done: "Asked for a replay of", noun: "run", role: access.Operator,
			note: "A new run with the old due time, by the definition that it ran by.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, key string) (run.ID, error) {
				if t.then == nil {
					return "", errors.New("the definition that it ran by is not known any more")
				}
				return asked(s.Replay(ctx, w, t.find, *t.then, key))
			},
		},
		{
			name: "discard", verb: "Discard", done: "Discarded", noun: "run", role: access.Operator, danger: true, asks: true,
			note: "A discarded run needs nobody any more. It stays in the history of its job.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, _ string) (run.ID, error) {
				return asked(s.Discard(ctx, w, t.find))
			},
		},
	}
}

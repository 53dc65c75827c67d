package cli

import (
	"context"
	"errors"

	"github.com/belfry-cron/belfry/internal/run"
)

type runCmd struct {
	reachable
	Job    string            `arg:"" help:"Name of the job."`
	Env    map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"Replace a variable of the job's environment, or add one, for this run; may be given several times."`
	Follow bool              `short:"f" help:"Wait for the run, show what it writes and how it ends."`
	rawFlag
}

func (runCmd) Help() string {
	return "The run goes the way of every other: its job's overlap policy, retries and cluster hold for it. " +
		"With --follow the exit code is 0 if it succeeded and 5 if not.\n\n" +
		"Examples:\n\n    belfry run backup\n    belfry run backup --follow\n    belfry run backup --env REGION=us --env DRY_RUN=1"
}

// Run sends the request and, if asked to, follows the run to its end.
func (c *runCmd) Run(ctx context.Context, s *session) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	began, err := k.start(ctx, c.Job, c.Env, c.Follow)
	if err != nil {
		return told(err)
	}
	if !c.Follow {
		s.printf("%s\n", began.ID)
		return nil
	}
	s.progress.stop()
	end, err := k.follow(ctx, began, 0, (&outputPrinter{s: s, raw: c.Raw}).show)
	if err != nil {
		return err
	}
	if end.State != run.StateSucceeded {
		return &exitError{exitRunFailed, errors.New(fate(&end))}
	}
	s.note("%s", fate(&end))
	return nil
}

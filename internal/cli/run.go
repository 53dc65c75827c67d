package cli

import (
	"context"
	"errors"
	"time"

	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

type runCmd struct {
	connection
	Job    string `arg:"" help:"Name of the job."`
	Follow bool   `short:"f" help:"Wait for the run, show what it writes and how it ends."`
	rawFlag
}

func (runCmd) Help() string {
	return "The run goes the way of every other: its job's overlap policy, retries and cluster hold for it. " +
		"With --follow the exit code is 0 if it succeeded and 5 if not.\n\n" +
		"Examples:\n\n    belfry run backup\n    belfry run backup --follow"
}

// Run sends the request and, if asked to, follows the run to its end.
func (c *runCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	j, err := k.job(ctx, c.Job)
	if err != nil {
		return err
	}
	from, err := k.EventsFrom(ctx, c.Job, time.Now().Add(-time.Second))
	if err != nil {
		return err
	}
	asked, err := k.steer().Run(ctx, keyboard(), c.Job, steer.RunOptions{})
	if err != nil {
		return told(err)
	}
	if !c.Follow {
		s.printf("%s\n", asked.Run)
		return nil
	}
	s.progress.stop()
	f := query.Found{ID: asked.Run, Job: c.Job, Due: asked.Request.At, Cluster: j.Job.Cluster}
	end, err := k.Follow(ctx, f, from, 0, (&outputPrinter{s: s, raw: c.Raw}).show)
	if err != nil {
		return err
	}
	if end.State != run.StateSucceeded {
		return &exitError{exitRunFailed, errors.New(fate(&end))}
	}
	s.note("%s", fate(&end))
	return nil
}

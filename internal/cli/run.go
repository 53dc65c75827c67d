package cli

import (
	"context"
	"errors"

	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
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
	request := newRequest(run.RequestRun, c.Job)
	from, err := k.EventsFrom(ctx, c.Job, request.At)
	if err != nil {
		return err
	}
	if err := k.Send(ctx, request); err != nil {
		return err
	}
	id := run.NewID(c.Job, request.At, request.ID)
	if !c.Follow {
		s.printf("%s\n", id)
		return nil
	}
	s.progress.stop()
	f := query.Found{ID: id, Job: c.Job, Due: request.At, Cluster: j.Job.Cluster}
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

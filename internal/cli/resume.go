package cli

import (
	"context"
)

type resumeCmd struct {
	connection
	Job string `arg:"" help:"Name of the job."`
}

func (resumeCmd) Help() string {
	return "A job that is paused in its file stays paused: change the file.\n\nExamples:\n\n    belfry resume backup"
}

// Run sends the request.
func (c *resumeCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	j, err := k.job(ctx, c.Job)
	if err != nil {
		return err
	}
	if _, err := k.steer().Resume(ctx, keyboard(), c.Job); err != nil {
		return told(err)
	}
	if j.Job.Paused {
		s.printf("%s stays paused: its definition says so (%s)\n", c.Job, orDash(j.Job.Source))
		return nil
	}
	s.printf("%s is resumed\n", c.Job)
	return nil
}

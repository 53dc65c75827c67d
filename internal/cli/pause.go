package cli

import (
	"context"
)

type pauseCmd struct {
	connection
	Job string `arg:"" help:"Name of the job."`
}

func (pauseCmd) Help() string {
	return "While a job is paused, its due times are skipped, with that reason in the ledger; runs that have started go on.\n\n" +
		"Examples:\n\n    belfry pause backup\n    belfry resume backup"
}

// Run sends the request.
func (c *pauseCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	if _, err := k.steer().Pause(ctx, keyboard(), c.Job); err != nil {
		return told(err)
	}
	s.printf("%s is paused; \"belfry resume %s\" undoes it\n", c.Job, c.Job)
	return nil
}

package cli

import (
	"context"
)

type cancelCmd struct {
	connection
	ID string `arg:"" name:"run" help:"ID of the run, or enough of its beginning."`
}

func (cancelCmd) Help() string {
	return "A run that has started is ended, first asked (TERM), then forced (KILL); one that has not will not start.\n\n" +
		"Examples:\n\n    belfry cancel 3f2a9c1e"
}

// Run sends the request.
func (c *cancelCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	f, err := k.FindRun(ctx, c.ID)
	if err != nil {
		return told(err)
	}
	if f.Ended != nil {
		s.printf("%s of %s had ended already: %s\n", short(f.ID), f.Job, f.Ended.State)
		return nil
	}
	if _, err := k.steer().Cancel(ctx, keyboard(), f); err != nil {
		return told(err)
	}
	s.printf("%s of %s is being cancelled\n", short(f.ID), f.Job)
	return nil
}

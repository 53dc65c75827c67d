package cli

import (
	"context"

	"github.com/belfry-cron/belfry/internal/run"
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
	f, err := k.findRun(ctx, c.ID)
	if err != nil {
		return err
	}
	states, err := k.states(ctx, f.job)
	if err != nil {
		return err
	}
	for _, sum := range states[f.job].Recent {
		if sum.ID == f.id {
			s.printf("%s of %s had ended already: %s\n", short(f.id), f.job, sum.State)
			return nil
		}
	}
	request := newRequest(run.RequestCancel, f.job)
	request.Run = f.id
	if err := k.send(ctx, request); err != nil {
		return err
	}
	s.printf("%s of %s is being cancelled\n", short(f.id), f.job)
	return nil
}

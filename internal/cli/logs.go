package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/belfry-cron/belfry/internal/ledger"
)

type logsCmd struct {
	reachable
	answer
	ID      string `arg:"" name:"run" help:"ID of the run, or enough of its beginning."`
	Follow  bool   `short:"f" help:"Go on until the run has ended."`
	Attempt int    `placeholder:"N" help:"Show only this attempt."`
	rawFlag
}

func (logsCmd) Help() string {
	return "What the command wrote to its standard output goes to standard output, what it wrote to its standard error " +
		"goes there. Where Belfry kept only the beginning and the end, a line says how much is missing. " +
		"With -o json each chunk is one line. On a terminal, characters that would control it are shown as \\uXXXX; --raw lets them through.\n\n" +
		"Examples:\n\n    belfry logs 3f2a9c1e\n    belfry logs 3f2a9c1e -f"
}

// Run shows the output of a run.
func (c *logsCmd) Run(ctx context.Context, s *session) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	f, known, err := k.found(ctx, c.ID)
	if err != nil {
		return told(err)
	}
	r, err := k.ledgerRun(ctx, f, known)
	if err != nil {
		return err
	}
	if r.Cluster != "" {
		f.Cluster = r.Cluster
	}
	if f.Cluster == "" {
		return fmt.Errorf("%s of %s was never put on a queue, so nothing was written", short(f.ID), oneLine(f.Job))
	}
	p := &outputPrinter{s: s, json: c.Output == "json", raw: c.Raw}
	if c.Follow && !r.Ended() {
		_, err = k.follow(ctx, started{Found: f}, c.Attempt, p.show)
		return err
	}
	if err := k.output(ctx, f, c.Attempt, p.show); err != nil {
		return err
	}
	if p.chunks == 0 {
		return c.noOutput(&r)
	}
	return nil
}

// noOutput says why there is nothing to show.
func (c *logsCmd) noOutput(r *ledger.Run) error {
	last, started := r.Last()
	switch {
	case c.Attempt > len(r.Attempts):
		return notFound("%s has had %d attempts", short(r.ID), len(r.Attempts))
	case !started || last.StartedAt.IsZero():
		return fmt.Errorf("%s has not started (it is %s); -f waits for it", short(r.ID), oneLine(string(r.State)))
	case last.Outcome != nil && last.Outcome.OutputBytes == 0:
		return nil // it wrote nothing
	}
	return errors.New("the output of " + short(r.ID) + " is no longer kept")
}

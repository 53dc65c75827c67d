package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

type runsCmd struct {
	reachable
	answer
	Job   string        `placeholder:"NAME" help:"Only runs of this job; answers fastest."`
	State []run.State   `placeholder:"STATE" help:"Only runs in these states: queued, claimed, started, waiting, succeeded, cancelled, skipped, dead."`
	Limit int           `short:"n" default:"20" help:"Show at most so many, the newest; 0 shows all."`
	Since time.Duration `default:"24h" help:"How far back to look."`
}

func (runsCmd) Help() string {
	return "Examples:\n\n    belfry runs\n    belfry runs --job backup --state dead,skipped --since 168h\n    belfry runs -o json"
}

// Validate is called by kong.
func (c *runsCmd) Validate() error {
	for _, s := range c.State {
		if !s.Final() && s != run.StateQueued && s != run.StateClaimed && s != run.StateStarted && s != run.StateWaiting {
			return fmt.Errorf("--state: there is no state %q; the states are queued, claimed, started, waiting, succeeded, "+
				"failed, timed_out, cancelled, lost, skipped, dead", s)
		}
	}
	return nil
}

// Run lists runs.
func (c *runsCmd) Run(ctx context.Context, s *session) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	var gone error
	if c.Job != "" {
		if gone = k.inForce(ctx, c.Job); gone != nil && !errors.As(gone, new(*query.NoJobError)) {
			return gone
		}
	}
	found, err := k.runs(ctx, query.RunFilter{Job: c.Job, States: c.State, Since: time.Now().Add(-c.Since), Limit: c.Limit})
	switch {
	case err != nil:
		return err
	case gone != nil && !found.Known:
		return told(gone)
	case gone != nil:
		s.note("job %s is not in force now; these are its old runs", c.Job)
	}
	if found.Dropped > 0 {
		s.note("too many runs: the %d oldest are left out; --job or --since narrow it", found.Dropped)
	}
	if c.Output == "json" {
		return s.asJSON(found.Runs)
	}
	t := newTable("RUN", "JOB…", "DUE", "STATE", "ATTEMPT", "WORKER…", "LATE", "TOOK", "EXIT", "WHY…")
	for _, r := range found.Runs {
		t.add(runRow(&r)...)
	}
	return s.table(t, fmt.Sprintf("no such runs in the last %s", c.Since))
}

func runRow(r *ledger.Run) []string {
	row := []string{short(r.ID), r.Job, when(r.Due), string(r.State), "-", "-", "-", "-", "-", "-"}
	a, ok := r.Last()
	row[9] = orDash(run.Why(r.Reason, a.Outcome))
	if !ok {
		return row
	}
	row[4], row[5], row[8] = fmt.Sprint(a.Number), orDash(a.Worker), exit(a.Outcome)
	if late, ok := a.Lateness(); ok {
		row[6] = span(late)
	}
	if a.Outcome != nil && !a.Outcome.StartedAt.IsZero() {
		row[7] = span(a.Outcome.EndedAt.Sub(a.Outcome.StartedAt))
	}
	return row
}

// fate says in a few words how a run ended.
func fate(r *ledger.Run) string {
	text := fmt.Sprintf("%s of %s ended: %s", short(r.ID), r.Job, r.State)
	a, ok := r.Last()
	switch {
	case ok && a.Outcome != nil && a.Outcome.StartFailure == "":
		text += fmt.Sprintf(", exit %s after %s", exit(a.Outcome), attempts(len(r.Attempts)))
	case ok:
		text += ", after " + attempts(len(r.Attempts))
	}
	if because := run.Why(r.Reason, a.Outcome); because != "" {
		text += " (" + because + ")"
	}
	return oneLine(text)
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/steer"
)

type backfillCmd struct {
	Start  backfillStartCmd  `cmd:"" default:"withargs" help:"Run due times of the past."`
	List   backfillListCmd   `cmd:"" help:"Show the backfills that are under way."`
	Pause  backfillPauseCmd  `cmd:"" help:"Hand out no more of a backfill until it is resumed."`
	Resume backfillResumeCmd `cmd:"" help:"Go on with a backfill."`
	Cancel backfillCancelCmd `cmd:"" help:"Hand out no more of a backfill."`
}

type backfillStartCmd struct {
	reachable
	answer
	Job        string `arg:"" help:"Name of the job."`
	From       string `required:"" placeholder:"TIME" help:"The first instant: 2026-11-01, \"2026-11-01 06:00\" by the job's zone, or 2026-11-01T06:00:00Z."`
	To         string `required:"" placeholder:"TIME" help:"The last instant."`
	OnlyMissed bool   `name:"only-missed" help:"Leave out the due times of which a run succeeded or is under way."`
	Parallel   int    `default:"4" help:"How many of its runs may be unfinished at a time, at most 20."`
	DryRun     bool   `name:"dry-run" help:"Only say what would be run."`
}

func (backfillStartCmd) Help() string {
	return "Runs the due times that the job's schedule names there, but for those that calendars and blackouts leave out. " +
		"What the schedule names meanwhile goes first. docs/backfill.md says more.\n\n" +
		"Examples:\n\n    belfry backfill reports/hourly --from 2026-01-01 --to 2026-02-01 --dry-run\n" +
		"    belfry backfill start reports/hourly --from 2026-01-01 --to 2026-02-01 --only-missed --parallel 8"
}

// maxShown bounds the due times that are shown of a backfill.
const maxShown = 10

// Run asks for the backfill, or shows what it would run.
func (c *backfillStartCmd) Run(ctx context.Context, s *session) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	j, err := k.job(ctx, c.Job)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(j.Job.Timezone)
	if err != nil {
		return fmt.Errorf("the zone of job %s: %w", c.Job, err)
	}
	b := steer.Backfill{OnlyMissed: c.OnlyMissed, Parallel: c.Parallel}
	if b.From, err = parseTime(c.From, zone, time.Now()); err != nil {
		return usageError(fmt.Errorf("--from: %w", err))
	}
	if b.To, err = parseTime(c.To, zone, time.Now()); err != nil {
		return usageError(fmt.Errorf("--to: %w", err))
	}
	asked, err := k.backfill(ctx, c.Job, b, c.DryRun)
	if err != nil {
		return told(err)
	}
	if c.Output == "json" {
		return s.asJSON(asked)
	}
	if !c.DryRun {
		s.printf("%s\n", asked.Backfill)
		s.note("%d due times of %s are run, %d at a time", asked.DueTimes, c.Job, b.Parallel)
		return nil
	}
	for _, at := range asked.First[:min(len(asked.First), maxShown)] {
		s.printf("%s\n", at.In(zone).Format("2006-01-02 15:04:05 MST"))
	}
	s.note("%d due times of %s would be run", asked.DueTimes, c.Job)
	return nil
}

type backfillListCmd struct {
	connection
	answer
	Job string `arg:"" optional:"" help:"Only those of this job."`
}

func (backfillListCmd) Help() string {
	return "Shows the backfills that are under way or ended of late, and how far each is.\n\n" +
		"Examples:\n\n    belfry backfill list\n    belfry backfill list reports/hourly --output json"
}

// Run lists them.
func (c *backfillListCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	all, err := k.Backfills(ctx, c.Job)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return s.asJSON(all)
	}
	t := newTable("BACKFILL", "JOB…", "FROM", "TO", "AT A TIME", "PHASE", "THROUGH", "BEGUN", "SUCCEEDED", "FAILED", "OTHER", "ASKED BY…")
	for _, b := range all {
		through := "-"
		if !b.Through.IsZero() {
			through = when(b.Through)
		}
		t.add(b.ID, b.Job, when(b.From), when(b.To), fmt.Sprint(b.Parallel), string(b.Phase), through,
			fmt.Sprint(b.Begun), fmt.Sprint(b.Succeeded), fmt.Sprint(b.Failed), fmt.Sprint(b.Other), b.By)
	}
	return s.table(t, "no backfill is under way")
}

// backfillStep is what pause, resume and cancel have in common.
type backfillStep struct {
	reachable
	Job string `arg:"" help:"Name of the job."`
	ID  string `arg:"" name:"backfill" help:"ID of the backfill."`
}

func (c *backfillStep) do(ctx context.Context, s *session, step steer.BackfillStep, said string) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	if err := k.steerBackfill(ctx, c.Job, c.ID, step); err != nil {
		return told(err)
	}
	s.printf("backfill %s of %s %s\n", c.ID, c.Job, said)
	return nil
}

type backfillPauseCmd struct{ backfillStep }

func (backfillPauseCmd) Help() string {
	return "The runs that were handed out go on; no more are handed out until it is resumed.\n\n" +
		"Examples:\n\n    belfry backfill pause reports/hourly ID    # as `belfry backfill list` shows it"
}

// Run pauses it.
func (c *backfillPauseCmd) Run(ctx context.Context, s *session) error {
	return c.do(ctx, s, steer.BackfillPause, "is being paused; what was handed out runs on")
}

type backfillResumeCmd struct{ backfillStep }

func (backfillResumeCmd) Help() string {
	return "It goes on where it stopped.\n\n" +
		"Examples:\n\n    belfry backfill resume reports/hourly ID"
}

// Run resumes it.
func (c *backfillResumeCmd) Run(ctx context.Context, s *session) error {
	return c.do(ctx, s, steer.BackfillResume, "goes on")
}

type backfillCancelCmd struct{ backfillStep }

func (backfillCancelCmd) Help() string {
	return "The runs that were handed out go on; the rest of its due times are not run by it.\n\n" +
		"Examples:\n\n    belfry backfill cancel reports/hourly ID"
}

// Run cancels it.
func (c *backfillCancelCmd) Run(ctx context.Context, s *session) error {
	return c.do(ctx, s, steer.BackfillCancel, "is being cancelled; what was handed out runs on")
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

type deadCmd struct {
	List    deadListCmd    `cmd:"" default:"withargs" help:"List dead letters."`
	Requeue deadRequeueCmd `cmd:"" help:"Run again what was given up."`
}

type deadListCmd struct {
	connection
	answer
	Job     string        `placeholder:"NAME" help:"Only runs of this job."`
	Cluster string        `placeholder:"NAME" help:"Only dead letters of this cluster."`
	Since   time.Duration `default:"720h" help:"How far back to look."`
}

func (deadListCmd) Help() string {
	return "A dead letter is a run whose attempts are used up, or a record that could not be read. " +
		"REQUEUED says that somebody asked for the run again since.\n\n" +
		"Examples:\n\n    belfry dead list\n    belfry dead list --job backup -o json"
}

// Run lists dead letters.
func (c *deadListCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	letters, err := k.DeadLetters(ctx, query.DeadFilter{Job: c.Job, Cluster: c.Cluster, Since: time.Now().Add(-c.Since)})
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return s.asJSON(letters)
	}
	t := newTable("RUN", "JOB…", "DUE", "GIVEN UP", "ATTEMPTS", "EXIT", "REQUEUED", "WHY…")
	for _, d := range letters {
		if r := d.DeadLetter.Run; r != nil {
			t.add(short(r.ID), r.Job, when(r.Due), when(d.At), fmt.Sprint(r.Attempt), exit(d.Outcome), yes(d.Requeued), run.Why(d.Reason, d.Outcome))
		} else {
			t.add("-", "-", "-", when(d.At), "-", "-", "-",
				fmt.Sprintf("%s (record %d of %s/%d%s)", d.Reason, d.Offset, d.Topic, d.Partition, kept(d.DeadLetter)))
		}
	}
	return s.table(t, "no dead letters")
}

// kept says that the letter holds only the first part of the record.
func kept(d run.DeadLetter) string {
	if d.ValueBytes == 0 {
		return ""
	}
	return fmt.Sprintf("; the first %d of its %d bytes are kept", len(d.Value), d.ValueBytes)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type deadRequeueCmd struct {
	connection
	ID    string `arg:"" optional:"" name:"run" help:"ID of the run, or enough of its beginning."`
	Again bool   `help:"Requeue the run even if it was requeued before."`
	All   bool   `help:"Requeue all runs of the job that were not requeued yet."`
	Job   string `placeholder:"NAME" help:"The job of --all."`
}

func (deadRequeueCmd) Help() string {
	return "A requeued run is a new run with the old due time and all its attempts before it.\n\n" +
		"Examples:\n\n    belfry dead requeue 3f2a9c1e\n    belfry dead requeue --all --job backup"
}

// Validate is called by kong.
func (c *deadRequeueCmd) Validate() error {
	switch {
	case c.ID == "" && !c.All:
		return errors.New("name a run, or give --all --job NAME")
	case c.ID != "" && (c.All || c.Job != ""):
		return errors.New("name a run or give --all --job NAME, not both")
	case c.All && c.Job == "":
		return errors.New("--all needs --job NAME")
	}
	return nil
}

// Run requeues dead runs.
func (c *deadRequeueCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	letters, err := k.DeadLetters(ctx, query.DeadFilter{Job: c.Job, Since: time.Unix(0, 0)})
	if err != nil {
		return err
	}
	wanted, err := c.choose(letters)
	if err != nil {
		return err
	}
	for _, r := range wanted {
		asked, err := k.steer().Requeue(ctx, keyboard(), query.Found{ID: r.ID, Job: r.Job, Due: r.Due}, "")
		if err != nil {
			return fmt.Errorf("requeueing %s: %w", short(r.ID), told(err))
		}
		s.printf("%s of %s is queued again as %s\n", short(r.ID), r.Job, asked.Run)
	}
	return nil
}

// choose returns the runs that were named, each once.
func (c *deadRequeueCmd) choose(letters []query.DeadLetter) ([]*run.Run, error) {
	if c.All {
		wanted := query.DeadRuns(letters, c.Job)
		if len(wanted) == 0 {
			return nil, notFound("no dead run of job %q waits to be requeued; \"belfry dead list\" shows all", c.Job)
		}
		return wanted, nil
	}
	r, err := query.DeadRun(letters, c.ID, c.Again)
	if errors.As(err, new(*query.NoRunError)) {
		return nil, notFound("no dead run begins with %q; \"belfry dead list\" shows all", c.ID)
	}
	return []*run.Run{r}, told(err)
}

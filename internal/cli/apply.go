package cli

import (
	"context"
	"strings"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/steer"
)

type applyCmd struct {
	connection
	answer
	Files        []string `short:"f" name:"file" required:"" placeholder:"FILE|DIR" predictor:"file" help:"Job files, or folders of them."`
	Prune        bool     `help:"Remove the jobs that came from these files or folders before and are no longer in them."`
	DryRun       bool     `help:"Only show what would change."`
	CreateTopics bool     `negatable:"" default:"true" env:"BELFRY_CREATE_TOPICS" help:"Make the topics that are missing."`
}

func (applyCmd) Help() string {
	return "Shows + for a job that is new, ~ for one that changed (and what of it), - for one that is removed. " +
		"What has not changed is left alone. It returns once Kafka holds the changes; the schedulers act on them at once.\n\n" +
		"Examples:\n\n    belfry apply -f jobs.yaml --dry-run\n    belfry apply -f jobs.d/ --prune"
}

// Run puts jobs into force.
func (c *applyCmd) Run(ctx context.Context, s *session) error {
	set, err := readSet(ctx, c.Files)
	if err != nil {
		return err
	}
	k, err := c.reachStore(ctx, s, set.Clusters)
	if err != nil {
		return err
	}
	defer k.close()
	s.progress.say("reading the jobs in force")
	have, err := k.Jobs(ctx)
	if err != nil {
		return err
	}
	changes := steer.Plan(have, set.Jobs, c.prune())
	if !c.DryRun {
		if err := k.steer().Apply(ctx, keyboard(), changes); err != nil {
			return err
		}
	}
	return c.report(s, changes, len(set.Jobs))
}

// reachStore connects and makes the topics of the clusters, if it may.
func (c *applyCmd) reachStore(ctx context.Context, s *session, clusters []string) (*cluster, error) {
	if !c.CreateTopics || c.DryRun {
		return c.connect(ctx, s)
	}
	k, err := c.reach(ctx, s)
	if err != nil {
		return nil, err
	}
	if _, err = k.admin.EnsureTopics(ctx, clusters, 0, kafka.EnsureOptions{}); err == nil {
		k.Shards, err = k.admin.Shards(ctx)
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// prune says which jobs may be removed.
func (c *applyCmd) prune() func(job.Job) bool {
	if !c.Prune {
		return steer.Keep
	}
	return func(j job.Job) bool {
		for _, path := range c.Files {
			if app.FromPath(path)(j) {
				return true
			}
		}
		return false
	}
}

func (c *applyCmd) report(s *session, changes []steer.Change, jobs int) error {
	if c.Output == "json" {
		if changes == nil {
			changes = []steer.Change{}
		}
		return s.asJSON(changes)
	}
	for _, change := range changes {
		switch change.Kind {
		case steer.Added:
			s.printf("+ %s\n", change.Name)
		case steer.Changed:
			s.printf("~ %s (%s)\n", change.Name, strings.Join(change.Fields, ", "))
		case steer.Removed:
			s.printf("- %s\n", change.Name)
		}
	}
	if c.DryRun {
		s.printf("%s to %s would be made (dry run)\n", counted(len(changes), "change"), counted(jobs, "job"))
		return nil
	}
	s.printf("%s made; %s of these files in force\n", counted(len(changes), "change"), counted(jobs, "job"))
	return nil
}

package cli

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

type jobsCmd struct {
	connection
	answer
	Cluster string `placeholder:"NAME" help:"Only jobs of this cluster."`
}

func (jobsCmd) Help() string {
	return "Examples:\n\n    belfry jobs\n    belfry jobs --cluster cluster-b -o json"
}

// Run lists jobs.
func (c *jobsCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	s.progress.say("reading the jobs in force")
	jobs, err := k.Statuses(ctx, c.Cluster, time.Now())
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return s.asJSON(jobs)
	}
	t := newTable("JOB…", "CLUSTER…", "SCHEDULE…", "ZONE…", "NEXT", "NOW", "LAST", "ENDED")
	for _, j := range jobs {
		t.add(j.Job.Job.Name, j.Job.Job.Cluster, orDash(j.Job.Job.Schedule), j.Job.Job.Timezone,
			when(j.Next), doing(&j, time.Now()), last(&j), lastAt(&j))
	}
	return s.table(t, "no jobs are in force; \"belfry apply -f FILE\" changes that")
}

// doing says what the job is doing.
func doing(j *query.Status, now time.Time) string {
	for _, r := range j.Active {
		if r.State == run.StateStarted {
			return "running"
		}
	}
	switch {
	case j.Aside != "":
		return "set aside"
	case j.Paused:
		return "paused"
	case len(j.Active) == 0:
		return "-"
	case j.Active[0].State != run.StateWaiting && j.Active[0].NotBefore.After(now):
		return "staged"
	}
	return string(j.Active[0].State)
}

func last(j *query.Status) string {
	if j.Last == nil {
		return "-"
	}
	return string(j.Last.State)
}

func lastAt(j *query.Status) string {
	if j.Last == nil {
		return "-"
	}
	return when(j.Last.EndedAt)
}

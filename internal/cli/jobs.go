package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

type jobsCmd struct {
	reachable
	answer
	Cluster string `placeholder:"NAME" help:"Only jobs of this cluster."`
}

func (jobsCmd) Help() string {
	return "Examples:\n\n    belfry jobs\n    belfry jobs --cluster cluster-b -o json"
}

// jobAnswer is what jobs answers about one.
type jobAnswer struct {
	query.Status
	// AsideWhy is in words why nothing is decided for the job, if so.
	AsideWhy string `json:"set_aside_why,omitempty"`
}

// Run lists jobs.
func (c *jobsCmd) Run(ctx context.Context, s *session) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	s.progress.say("reading the jobs in force")
	found, err := k.statuses(ctx, c.Cluster)
	if err != nil {
		return err
	}
	jobs := make([]jobAnswer, 0, len(found.Jobs))
	for _, j := range found.Jobs {
		a := jobAnswer{Status: j}
		if j.Aside != "" {
			a.AsideWhy = run.Words(j.Aside)
		}
		jobs = append(jobs, a)
	}
	if c.Output == "json" {
		return s.asJSON(jobs)
	}
	t := newTable("JOB…", "CLUSTER…", "SCHEDULE…", "ZONE…", "NEXT", "NOW", "LAST", "ENDED")
	for _, j := range jobs {
		t.add(j.Job.Job.Name, j.Job.Job.Cluster, orDash(j.Job.Job.Schedule), j.Job.Job.Timezone,
			when(j.Next), doing(&j.Status, time.Now()), last(&j.Status), lastAt(&j.Status))
	}
	if err := s.table(t, "no jobs are in force; \"belfry apply -f FILE\" changes that"); err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Aside != "" {
			s.note("%s", setAside(j.Job.Job.Name, j.Aside))
		}
	}
	if found.Unlisted > 0 {
		s.note("%d more jobs are set aside than the shards' records have room for", found.Unlisted)
	}
	return nil
}

// setAside says that nothing is decided for a job, why, and what to do.
func setAside(job, why string) string {
	text := fmt.Sprintf("job %s is set aside, nothing is decided for it: %s", job, run.Words(why))
	if why == run.ReasonOversized {
		text += "; it goes on when it is defined anew"
	}
	return text
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

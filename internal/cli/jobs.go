package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

type jobsCmd struct {
	connection
	answer
	Cluster string `placeholder:"NAME" help:"Only jobs of this cluster."`
}

func (jobsCmd) Help() string {
	return "Examples:\n\n    belfry jobs\n    belfry jobs --cluster cluster-b -o json"
}

// jobAnswer is what jobs answers about one job.
type jobAnswer struct {
	topic.Job
	Next   time.Time      `json:"next,omitzero"`
	Paused bool           `json:"paused,omitzero"`
	Active []shard.Active `json:"active,omitempty"`
	Last   *shard.Summary `json:"last,omitempty"`
	// Aside is why nothing is decided for the job, if so, and AsideWhy the same
	// in words.
	Aside    string `json:"set_aside,omitempty"`
	AsideWhy string `json:"set_aside_why,omitempty"`
}

// Run lists jobs.
func (c *jobsCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	s.progress.say("reading the jobs in force")
	jobs, err := k.store().Jobs(ctx)
	if err != nil {
		return err
	}
	states, err := k.states(ctx, "")
	if err != nil {
		return err
	}
	answers := []jobAnswer{}
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		if j := jobs[name]; c.Cluster == "" || j.Job.Cluster == c.Cluster {
			answers = append(answers, about(j, states[name], time.Now()))
		}
	}
	if c.Output == "json" {
		return s.asJSON(answers)
	}
	t := newTable("JOB…", "CLUSTER…", "SCHEDULE…", "ZONE…", "NEXT", "NOW", "LAST", "ENDED")
	for _, a := range answers {
		t.add(a.Job.Job.Name, a.Job.Job.Cluster, orDash(a.Job.Job.Schedule), a.Job.Job.Timezone,
			when(a.Next), a.now(time.Now()), a.last(), a.lastAt())
	}
	if err := s.table(t, "no jobs are in force; \"belfry apply -f FILE\" changes that"); err != nil {
		return err
	}
	for _, a := range answers {
		if a.Aside != "" {
			s.note("%s", setAside(a.Job.Job.Name, a.Aside))
		}
	}
	return nil
}

// setAside says that nothing is decided for a job, why, and what to do.
func setAside(job, why string) string {
	text := fmt.Sprintf("job %s is set aside, nothing is decided for it: %s", job, reason(why))
	if why == run.ReasonOversized {
		text += "; it goes on when it is defined anew"
	}
	return text
}

// about puts together what there is to know about a job. A definition that
// does not compile has no next due time.
func about(j topic.Job, st shard.JobState, now time.Time) jobAnswer {
	a := jobAnswer{Job: j, Paused: j.Job.Paused || st.Paused, Active: st.Active, Aside: st.Aside}
	if a.Aside != "" {
		a.AsideWhy = reason(a.Aside)
	}
	if n := len(st.Recent); n > 0 {
		a.Last = &st.Recent[n-1]
	}
	if schedule, err := j.Job.Compile(); err == nil && schedule != nil && !a.Paused {
		a.Next, _ = schedule.Next(now)
	}
	return a
}

// now says what the job is doing.
func (a *jobAnswer) now(now time.Time) string {
	for _, r := range a.Active {
		if r.State == run.StateStarted {
			return "running"
		}
	}
	switch {
	case a.Aside != "":
		return "set aside"
	case a.Paused:
		return "paused"
	case len(a.Active) == 0:
		return "-"
	case a.Active[0].State != run.StateWaiting && a.Active[0].NotBefore.After(now):
		return "staged"
	}
	return string(a.Active[0].State)
}

func (a *jobAnswer) last() string {
	if a.Last == nil {
		return "-"
	}
	return string(a.Last.State)
}

func (a *jobAnswer) lastAt() string {
	if a.Last == nil {
		return "-"
	}
	return when(a.Last.EndedAt)
}

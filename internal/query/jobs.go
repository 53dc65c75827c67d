package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Jobs returns the jobs in force by name. A record that cannot be read counts
// as no job: applying the job again mends it. One in another partition than its
// key's is nobody's.
func (t *Topics) Jobs(ctx context.Context) (map[string]topic.Job, error) {
	jobs := map[string]topic.Job{}
	err := kafka.ReadAll(ctx, t.Kafka, t.Names.Jobs(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		if r.Partition != topic.Partition(string(r.Key), t.Shards) {
			return nil
		}
		delete(jobs, string(r.Key))
		if r.Value == nil {
			return nil
		}
		if j, err := topic.DecodeJob(r.Value); err == nil {
			jobs[string(r.Key)] = j
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the jobs in force: %w", err)
	}
	return jobs, nil
}

// Job returns the job in force under that name, or a NoJobError.
func (t *Topics) Job(ctx context.Context, name string) (topic.Job, error) {
	var found *topic.Job
	err := t.readAll(ctx, t.Names.Jobs(), t.shardOf(name), func(r *kgo.Record) error {
		if string(r.Key) != name {
			return nil
		}
		found = nil
		if j, err := topic.DecodeJob(r.Value); r.Value != nil && err == nil {
			found = &j
		}
		return nil
	})
	if err != nil {
		return topic.Job{}, fmt.Errorf("looking for job %s: %w", name, err)
	}
	if found == nil {
		return topic.Job{}, &NoJobError{Job: name}
	}
	return *found, nil
}

// Status is a job in force, and how it stands.
type Status struct {
	topic.Job
	// Next is zero if the job is never due again, is paused, or has a
	// definition that is not valid.
	Next   time.Time      `json:"next,omitzero"`
	Paused bool           `json:"paused,omitzero"`
	Active []shard.Active `json:"active,omitempty"`
	Last   *shard.Summary `json:"last,omitempty"`
	// Aside is why nothing is decided for the job, if so.
	Aside string `json:"set_aside,omitempty"`
}

// Statuses are jobs by name. Unlisted is as in States.
type Statuses struct {
	Jobs     []Status `json:"jobs"`
	Unlisted int      `json:"unlisted"`
}

// Statuses returns how the jobs in force of a cluster, or of all (""), stand
// at now.
func (t *Topics) Statuses(ctx context.Context, cluster string, now time.Time) (Statuses, error) {
	jobs, err := t.Jobs(ctx)
	if err != nil {
		return Statuses{}, err
	}
	states, err := t.States(ctx, "")
	if err != nil {
		return Statuses{}, err
	}
	all := Statuses{Jobs: []Status{}, Unlisted: states.Unlisted}
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		if j := jobs[name]; cluster == "" || j.Job.Cluster == cluster {
			all.Jobs = append(all.Jobs, statusOf(j, states.Jobs[name], now))
		}
	}
	return all, nil
}

// statusOf puts together what there is to know about a job.
func statusOf(j topic.Job, st shard.JobState, now time.Time) Status {
	s := Status{Job: j, Paused: j.Job.Paused || st.Paused, Active: st.Active, Aside: st.Aside}
	if n := len(st.Recent); n > 0 {
		s.Last = &st.Recent[n-1]
	}
	if schedule, err := j.Job.Compile(); err == nil && schedule != nil && !s.Paused {
		s.Next, _ = schedule.Next(now)
	}
	return s
}

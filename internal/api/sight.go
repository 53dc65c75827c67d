package api

import (
	"context"
	"errors"
	"maps"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/shard"
)

// sight is what a principal may see, asked during one request. It remembers what
// it found out of each job.
type sight struct {
	s    *server
	who  access.Principal
	jobs map[string]bool
}

func (s *server) sight(who access.Principal) *sight {
	return &sight{s: s, who: who, jobs: map[string]bool{}}
}

// job reports whether the principal may see the job of that name. One that is
// not in force is seen by who has no limit.
func (v *sight) job(ctx context.Context, name string) (bool, error) {
	if v.who.Scope.Whole() {
		return true, nil
	}
	if seen, ok := v.jobs[name]; ok {
		return seen, nil
	}
	row, err := v.s.History.Job(ctx, name, v.s.Now())
	if err != nil && !errors.As(err, new(*history.NoJobError)) {
		return false, err
	}
	seen := err == nil && v.definition(&row.Job.Job)
	v.jobs[name] = seen
	return seen, nil
}

// definition reports whether the principal may see a job that is at hand.
func (v *sight) definition(j *job.Job) bool { return v.who.Scope.Covers(j.Cluster, j.Labels) }

// needJob returns a *query.NoJobError if the principal may not see the job.
func (v *sight) needJob(ctx context.Context, name string) error {
	seen, err := v.job(ctx, name)
	if err == nil && !seen {
		return &query.NoJobError{Job: name}
	}
	return err
}

// narrow narrows a filter down to the principal's scope, as far as a filter can,
// and reports whether anything is left. What is let in still has to be asked
// for: a scope may have several clusters.
func (v *sight) narrow(cluster *string, labels *map[string]string) bool {
	scope := v.who.Scope
	if len(scope.Clusters) == 1 {
		if *cluster != "" && *cluster != scope.Clusters[0] {
			return false
		}
		*cluster = scope.Clusters[0]
	}
	if len(scope.Labels) == 0 {
		return true
	}
	all := maps.Clone(*labels)
	if all == nil {
		all = map[string]string{}
	}
	for name, value := range scope.Labels {
		if asked, ok := all[name]; ok && asked != value {
			return false
		}
		all[name] = value
	}
	*labels = all
	return true
}

// show hides what the principal may not see of a definition: the values of
// variables, and the input.
func (v *sight) show(j *job.Job) {
	if v.who.Role.Includes(access.Editor) {
		return
	}
	_, shown := audit.Hide(nil, j)
	*j = *shown
}

// showActive hides what an unfinished run has in place of its job's definition.
func (v *sight) showActive(a *shard.Active) {
	if !v.who.Role.Includes(access.Editor) {
		a.Own = nil
	}
}

// keep keeps those of the rows whose job the principal may see.
func keep[T any](ctx context.Context, v *sight, rows []T, jobOf func(*T) string) ([]T, error) {
	kept := rows[:0]
	for i := range rows {
		seen, err := v.job(ctx, jobOf(&rows[i]))
		if err != nil {
			return nil, err
		}
		if seen {
			kept = append(kept, rows[i])
		}
	}
	return kept, nil
}

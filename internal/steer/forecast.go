package steer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Forecast is what changes would do to due times. The loads are due times in
// each minute from From on.
type Forecast struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Differs bool      `json:"differs"`
	Added   int       `json:"added"`
	Removed int       `json:"removed"`
	Moved   int       `json:"moved"`
	// Resourced is how many jobs would come from another file, all else as
	// before; they are not among Jobs.
	Resourced int         `json:"resourced,omitzero"`
	Jobs      []JobChange `json:"jobs"`
	Before    []int       `json:"load_before"`
	After     []int       `json:"load_after"`
}

// JobChange is what an apply would do to one job, and what that does to its due
// times.
type JobChange struct {
	Change ChangeKind `json:"change"`
	Fields []string   `json:"fields,omitempty"`
	Was    string     `json:"schedule_was,omitempty"`
	Now    string     `json:"schedule,omitempty"`
	Paused bool       `json:"paused,omitzero"`
	plan.Diff
}

// NewForecast finds the due times that differ. A job paused by command stays so
// when its definition changes.
func NewForecast(have map[string]topic.Job, states map[string]shard.JobState, changes []Change, w plan.Window) (Forecast, error) {
	all := len(changes)
	changes = slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return slices.Equal(c.Fields, []string{"source"}) })
	f := Forecast{From: w.From.UTC(), To: w.To.UTC(), Differs: len(changes) > 0, Resourced: all - len(changes), Jobs: []JobChange{}}
	var jobs []plan.Job
	var calendars job.Calendars
	changed := map[string]bool{}
	for _, change := range changes {
		changed[change.Name] = true
		before, was := have[change.Name]
		one := JobChange{Change: change.Kind, Fields: change.Fields, Paused: states[change.Name].Paused || change.Job.Paused}
		j := plan.Job{Name: change.Name}
		if was {
			one.Was = before.Job.Schedule
			j.Before = inForce(before.Job, states[change.Name].Paused, &calendars)
		}
		if change.Kind != Removed {
			one.Now = change.Job.Schedule
			due, err := DueOf(change.Job, &calendars)
			if err != nil {
				return f, err
			}
			if !one.Paused {
				j.After = due
			}
		}
		f.Jobs = append(f.Jobs, one)
		jobs = append(jobs, j)
	}
	for name, j := range have {
		if !changed[name] {
			jobs = append(jobs, plan.Job{Name: name, Same: true, Before: inForce(j.Job, states[name].Paused, &calendars)})
		}
	}
	result := plan.Compare(jobs, w)
	for i := range f.Jobs {
		d := result.Jobs[i]
		f.Jobs[i].Diff = d
		f.Added += d.Added
		f.Removed += d.Removed
		f.Moved += d.Moved
	}
	f.Before, f.After = result.Before.PerMinute, result.After.PerMinute
	return f, nil
}

// DueOf is when a job is due, and what of it is not run; never, if it runs only
// when asked to. Jobs asked with the same calendars share them.
func DueOf(j job.Job, calendars *job.Calendars) (plan.Due, error) {
	compiled, err := j.Compile()
	if err != nil || compiled == nil {
		return plan.Due{}, err
	}
	due := plan.Due{Next: compiled.Next}
	excluded, err := calendars.Exclusions(&j, compiled.Location())
	if err != nil {
		return plan.Due{}, fmt.Errorf("reading the calendars of job %s: %w", j.Name, err)
	}
	if excluded != nil {
		due.Skipped = func(at time.Time) bool { return excluded.Reason(at) != "" }
	}
	return due, nil
}

// inForce is when a job is due now. A definition that this version cannot
// read has no due times here, and none at a scheduler of this version.
func inForce(j job.Job, paused bool, calendars *job.Calendars) plan.Due {
	due, err := DueOf(j, calendars)
	if err != nil || paused || j.Paused {
		return plan.Due{}
	}
	return due
}

// FromPath is a prune for Plan: the jobs that came from the file or folder.
func FromPath(path string) func(job.Job) bool {
	return func(j job.Job) bool { return cameFrom(j.Source, path) }
}

// FromPaths is a prune for Plan: the jobs that came from any of them.
func FromPaths(paths []string) func(job.Job) bool {
	return func(j job.Job) bool {
		return slices.ContainsFunc(paths, func(path string) bool { return cameFrom(j.Source, path) })
	}
}

// cameFrom reports whether a job's source is path or a file in it.
func cameFrom(source, path string) bool {
	path = filepath.Clean(path)
	return source == path || path == "." && source != "" && !filepath.IsAbs(source) && filepath.Dir(source) == "." ||
		strings.HasPrefix(source, strings.TrimSuffix(path, "/")+"/")
}

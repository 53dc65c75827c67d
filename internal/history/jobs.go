package history

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Health is how a job fares, as a filter.
type Health string

// The healths. A job may be several of them, but nothing else if it is ok.
const (
	HealthFailing Health = "failing" // its last end was a failure
	HealthLate    Health = "late"    // a run has not started, or a due time is undecided, LateAfter its time
	HealthRunning Health = "running" // a run is under way
	HealthPaused  Health = "paused"
	HealthAside   Health = "aside" // nothing is decided for it
	HealthOK      Health = "ok"    // neither failing, late, paused nor aside
)

// LateAfter is how long after its time a run that has not started makes its
// job late.
const LateAfter = time.Minute

// JobFilter says which jobs in force are wanted. Zero fields let all in.
type JobFilter struct {
	Text    string // part of the name, the description or the command, in either case of letters
	Cluster string
	Labels  map[string]string // all of them
	Health  Health
	After   string // the Next of the page before
	Limit   int    // at most 500; 100 if zero
}

// StripRun is one run in the strip of a job: one that was started, or ended in
// another way than by being skipped.
type StripRun struct {
	ID       run.ID        `json:"run"`
	Due      time.Time     `json:"due"`
	State    run.State     `json:"state"`
	Duration time.Duration `json:"duration_ms,omitzero"` // of the last attempt, once it has ended
	Lateness time.Duration `json:"lateness_ms,omitzero"` // of the last attempt, once it has started
}

// JobRow is a job in force and how it stands.
type JobRow struct {
	Job     topic.Job `json:"definition"`
	Version string    `json:"version"` // job.Job.Digest
	Paused  bool      `json:"paused,omitzero"`
	Aside   string    `json:"set_aside,omitempty"` // the reason

	// Strip are the last 30 runs by due time, oldest first.
	Strip []StripRun `json:"strip"`

	LastSuccess time.Time `json:"last_success,omitzero"`
	LastEnd     time.Time `json:"last_end,omitzero"`
	// FailuresInRow counts back to the last success, over the strip.
	FailuresInRow int `json:"failures_in_row,omitzero"`
	Running       int `json:"running,omitzero"` // runs that are started
	Queued        int `json:"queued,omitzero"`  // unfinished runs that are not

	// Late says that the job is late, see HealthLate.
	Late bool `json:"late,omitzero"`
	// Next is zero if the job is never due again, is paused, or has a
	// definition that is not valid.
	Next time.Time `json:"next,omitzero"`
}

// JobPage is a page of jobs by name. Next is empty on the last one. Total is
// how many jobs the filter lets in.
type JobPage struct {
	Jobs  []JobRow `json:"jobs"`
	Next  string   `json:"next,omitempty"`
	Total int      `json:"total"`
}

// Jobs returns the jobs in force that the filter names, by name. A cursor that
// is none is a CursorError.
func (d *DB) Jobs(ctx context.Context, f JobFilter, now time.Time) (JobPage, error) {
	return JobPage{}, errNotBuilt
}

// Job returns the job in force of that name, or a NoJobError.
func (d *DB) Job(ctx context.Context, name string, now time.Time) (JobRow, error) {
	return JobRow{}, errNotBuilt
}

// Definition is one record of a job's definition, or its removal.
type Definition struct {
	Version   string    `json:"version,omitempty"` // empty of a removal
	Job       topic.Job `json:"definition,omitzero"`
	AppliedAt time.Time `json:"applied_at"`
	AppliedBy string    `json:"applied_by,omitempty"`
	Removed   bool      `json:"removed,omitzero"`
}

// Definitions returns what was applied under a name, newest first, at most
// 200. Of a name that nobody knows there is none, and no error.
func (d *DB) Definitions(ctx context.Context, name string) ([]Definition, error) {
	return nil, errNotBuilt
}

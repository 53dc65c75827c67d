package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

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
	page := JobPage{Jobs: []JobRow{}}
	where := f.where(now)
	after := ""
	if f.After != "" {
		if err := resume(f.After, &after); err != nil {
			return page, err
		}
	}
	err := d.ask(ctx, func(q *asking) error {
		if _, err := q.first("SELECT count(*) FROM jobs j JOIN stands s ON s.job = j.id WHERE "+where.String(), where.args, &page.Total); err != nil {
			return err
		}
		where.and("j.name > ?", after)
		limit := limited(f.Limit)
		rows, err := q.jobs(where, limit+1, now)
		if len(rows) > limit {
			rows = rows[:limit]
			page.Next = cursor(rows[limit-1].Job.Job.Name)
		}
		page.Jobs = append(page.Jobs, rows...)
		return err
	})
	return page, err
}

// Job returns the job in force of that name, or a NoJobError.
func (d *DB) Job(ctx context.Context, name string, now time.Time) (JobRow, error) {
	var row JobRow
	err := d.ask(ctx, func(q *asking) error {
		where := &conditions{}
		where.and("j.name = ?", name)
		where.and("j.digest IS NOT NULL")
		rows, err := q.jobs(where, 1, now)
		switch {
		case err != nil:
			return err
		case len(rows) == 0:
			return &NoJobError{name}
		}
		row = rows[0]
		return nil
	})
	return row, err
}

// where is the filter as conditions on jobs j and stands s.
func (f *JobFilter) where(now time.Time) *conditions {
	where := &conditions{}
	where.and("j.digest IS NOT NULL")
	if f.Text != "" {
		where.and("instr(j.search, ?) > 0", folded(f.Text))
	}
	if f.Cluster != "" {
		where.and("j.cluster = ?", f.Cluster)
	}
	for name, value := range f.Labels {
		where.and("j.id IN (SELECT job FROM labels WHERE name = ? AND value = ?)", name, value)
	}
	late := micros(now.Add(-LateAfter))
	switch f.Health {
	case HealthFailing:
		where.and("s.failures > 0")
	case HealthLate:
		where.and(isLate, late, late)
	case HealthRunning:
		where.and("s.running > 0")
	case HealthPaused:
		where.and("j.paused <> 0")
	case HealthAside:
		where.and("j.aside <> ''")
	case HealthOK:
		where.and("s.failures = 0 AND j.paused = 0 AND j.aside = '' AND NOT "+isLate, late, late)
	}
	return where
}

// isLate says of jobs j and stands s that the job is late; its two arguments
// are LateAfter before now.
const isLate = `(coalesce(s.oldest < ?, 0) OR j.paused = 0 AND j.aside = '' AND coalesce(s.overdue < ?, 0))`

// jobs reads the jobs that conditions name, by name.
func (q *asking) jobs(where *conditions, limit int, now time.Time) ([]JobRow, error) {
	late := micros(now.Add(-LateAfter))
	args := append([]any{late, late}, where.args...)
	var rows []JobRow
	err := q.each(`SELECT j.digest, j.paused, j.aside, j.applied, coalesce((SELECT by FROM definitions WHERE job = j.id ORDER BY offset DESC LIMIT 1), ''),
		c.body, s.strip, s.failures, s.running, s.queued, coalesce(s.last_success, 0), coalesce(s.last_end, 0), `+isLate+`
		FROM jobs j JOIN stands s ON s.job = j.id JOIN contents c ON c.digest = j.digest
		WHERE `+where.String()+" ORDER BY j.name LIMIT ?", append(args, limit),
		func(scan func(...any) error) error {
			var r JobRow
			var applied, lastSuccess, lastEnd int64
			var paused int
			var body, strip []byte
			if err := scan(&r.Version, &paused, &r.Aside, &applied, &r.Job.AppliedBy, &body, &strip, &r.FailuresInRow,
				&r.Running, &r.Queued, &lastSuccess, &lastEnd, &r.Late); err != nil {
				return err
			}
			var err error
			if r.Job.Job, err = definitionOf(body); err != nil {
				return err
			}
			if r.Strip, err = unpackStrip(strip); err != nil {
				return err
			}
			slices.Reverse(r.Strip)
			r.Job.V, r.Job.AppliedAt = topic.Version, instant(applied)
			r.Paused = paused != 0
			r.LastSuccess, r.LastEnd = instantOr0(lastSuccess), instantOr0(lastEnd)
			r.Next = nextOf(&r, now)
			rows = append(rows, r)
			return nil
		})
	return rows, err
}

// nextOf is when a job is due next.
func nextOf(r *JobRow, now time.Time) time.Time {
	if r.Paused || r.Aside != "" {
		return time.Time{}
	}
	times, err := r.Job.Job.Compile()
	if err != nil || times == nil {
		return time.Time{} // a definition that is not valid is never due
	}
	next, _ := times.Next(now)
	return next
}

// instantOr0 is an instant, or none.
func instantOr0(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return instant(micros)
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
	all := []Definition{}
	err := d.ask(ctx, func(q *asking) error {
		return q.each(`SELECT d.digest, d.applied, d.by, c.body FROM definitions d LEFT JOIN contents c ON c.digest = d.digest
			WHERE d.job = (SELECT id FROM jobs WHERE name = ?) ORDER BY d.offset DESC`, []any{name}, func(scan func(...any) error) error {
			def, err := scanDefinition(scan)
			all = append(all, def)
			return err
		})
	})
	return all, err
}

func scanDefinition(scan func(...any) error) (Definition, error) {
	var def Definition
	var digest sql.NullString
	var applied int64
	var body []byte
	if err := scan(&digest, &applied, &def.AppliedBy, &body); err != nil {
		return def, err
	}
	def.Version, def.Removed, def.AppliedAt = digest.String, !digest.Valid, instant(applied)
	if def.Removed {
		return def, nil
	}
	j, err := definitionOf(body)
	def.Job = topic.Job{V: topic.Version, AppliedAt: def.AppliedAt, AppliedBy: def.AppliedBy, Job: j}
	return def, err
}

// Backfills returns how the backfills of a job stand, the latest changed first,
// at most 100. Of a name that nobody knows there is none, and no error.
func (d *DB) Backfills(ctx context.Context, name string) ([]run.Progress, error) {
	all := []run.Progress{}
	err := d.ask(ctx, func(q *asking) error {
		return q.each("SELECT body FROM backfills WHERE job = (SELECT id FROM jobs WHERE name = ?) ORDER BY at DESC, id DESC", []any{name},
			func(scan func(...any) error) error {
				var body []byte
				if err := scan(&body); err != nil {
					return err
				}
				var p run.Progress
				if err := json.Unmarshal(body, &p); err != nil {
					return fmt.Errorf("reading a backfill: %w", err)
				}
				all = append(all, p)
				return nil
			})
	})
	return all, err
}

package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/plan"
)

const (
	// maxForecastJobs bounds the jobs whose due times are looked at.
	maxForecastJobs = 20_000
	// forecastSpan is how far ahead due times are listed, maxFires how many.
	forecastSpan = 2 * time.Hour
	maxFires     = 50_000
	// forecastFor is how long a forecast counts at least.
	forecastFor = 15 * time.Second
)

// dueJob is a job in force and when it is due.
type dueJob struct {
	def    job.Job
	paused bool
	due    plan.Due // zero for a job without a schedule, or with one that is invalid
	zone   *time.Location
}

// fire is a due time to come.
type fire struct {
	At  time.Time
	Job *dueJob
}

// forecast is what jobs will be due, as of a moment.
type forecast struct {
	at    time.Time
	jobs  []*dueJob
	fires []fire // of the next forecastSpan, in order
	cut   bool   // there were more jobs, or fires, than are looked at
}

// outlook keeps the latest forecast.
type outlook struct {
	mu     sync.Mutex
	latest *forecast
	took   time.Duration
}

// forecast returns what jobs will be due. One that took long to make counts for
// longer.
func (s *Site) forecast(ctx context.Context) (*forecast, error) {
	o := &s.ahead
	o.mu.Lock()
	defer o.mu.Unlock()
	now := s.now()
	if o.latest != nil && now.Sub(o.latest.at) < max(forecastFor, 20*o.took) && !now.Before(o.latest.at) {
		return o.latest, nil
	}
	began := time.Now()
	f, err := s.newForecast(ctx, now)
	if err != nil {
		return nil, err
	}
	o.latest, o.took = f, time.Since(began)
	return f, nil
}

func (s *Site) newForecast(ctx context.Context, now time.Time) (*forecast, error) {
	f := &forecast{at: now}
	filter := history.JobFilter{Limit: 500}
	var calendars job.Calendars
	for {
		page, err := s.o.History.Jobs(ctx, filter, now)
		if err != nil {
			return nil, fmt.Errorf("reading the jobs: %w", err)
		}
		for i := range page.Jobs {
			f.jobs = append(f.jobs, dueOf(&page.Jobs[i], &calendars))
		}
		if page.Next == "" {
			break
		}
		if len(f.jobs) >= maxForecastJobs {
			f.cut = true
			break
		}
		filter.After = page.Next
	}
	f.list(now)
	return f, nil
}

// dueOf compiles a job. One that does not compile is never due.
func dueOf(row *history.JobRow, calendars *job.Calendars) *dueJob {
	d := &dueJob{def: row.Job.Job, paused: row.Paused || row.Aside != "" || row.Job.Job.Paused, zone: time.UTC}
	compiled, err := d.def.Compile()
	if err != nil || compiled == nil {
		return d
	}
	d.zone = compiled.Location()
	d.due.Next = compiled.Next
	if excluded, err := calendars.Exclusions(&d.def, d.zone); err == nil && excluded != nil {
		d.due.Skipped = func(at time.Time) bool { return excluded.Reason(at) != "" }
	}
	return d
}

// list lists the due times to come.
func (f *forecast) list(now time.Time) {
	for _, j := range f.jobs {
		if j.paused || j.due.Next == nil {
			continue
		}
		for at, ok := j.due.Next(now); ok && at.Before(now.Add(forecastSpan)); at, ok = j.due.Next(at) {
			if j.due.Skipped != nil && j.due.Skipped(at) {
				continue
			}
			if f.fires = append(f.fires, fire{at, j}); len(f.fires) >= maxFires {
				f.cut = true
				break
			}
		}
	}
	slices.SortStableFunc(f.fires, func(a, b fire) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Job.def.Name, b.Job.def.Name))
	})
}

// soon returns the due times after now and up to span later that the reader
// may see.
func (f *forecast) soon(rd reader, span time.Duration) []fire {
	var fires []fire
	for _, one := range f.fires {
		if one.At.After(rd.clock.now) && !one.At.After(rd.clock.now.Add(span)) && rd.covers(one.Job.def.Cluster, one.Job.def.Labels) {
			fires = append(fires, one)
		}
	}
	return fires
}

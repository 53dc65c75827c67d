package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

type nextCmd struct {
	reachable
	answer
	What     string   `arg:"" name:"file-or-job" predictor:"file" help:"Job file, folder of them, or the name of a job in force."`
	Count    int      `short:"n" default:"10" help:"Show so many due times of each job."`
	Job      []string `placeholder:"NAME" help:"Only these jobs of the file."`
	Timezone string   `placeholder:"ZONE" help:"Show times in this zone instead of each job's own."`
	From     moment   `placeholder:"TIME" help:"Begin at this instant instead of now (in UTC, unless it names a zone)."`
	Calendar string   `enum:"none,month,year" default:"none" help:"Draw how many due times fall on each hour of a month or each day of a year: ${enum}."`
}

func (nextCmd) Help() string {
	return "Shows each due time in the job's zone and in UTC, how long after the one before it comes, and what the clock does in between: " +
		"times that are skipped, moved or come twice. For a file, Kafka is not needed.\n\n" +
		"Examples:\n\n    belfry next jobs.yaml\n    belfry next backup -n 3 --timezone Europe/Berlin\n" +
		"    belfry next jobs.yaml --from 2026-03-29T00:00:00Z\n    belfry next jobs.yaml --job backup --calendar year"
}

// Validate is called by kong.
func (c *nextCmd) Validate() error {
	if c.Count < 1 || c.Count > 10_000 {
		return errors.New("-n must be from 1 to 10000")
	}
	return checkZone(c.Timezone)
}

// checkZone says that a zone given as --timezone does not exist.
func checkZone(name string) error {
	if name == "" {
		return nil
	}
	if _, err := tzdata.Load(name); err != nil {
		return fmt.Errorf("--timezone: there is no zone %q; zones are named as in the IANA data, such as Europe/Berlin", name)
	}
	return nil
}

// upcoming is what next answers about one job.
type upcoming struct {
	Job      string    `json:"job"`
	Schedule string    `json:"schedule,omitempty"`
	Timezone string    `json:"timezone,omitempty"`
	Paused   bool      `json:"paused,omitzero"`
	Due      []dueTime `json:"due"`
}

// dueTime is one of its due times. The wall clock times are what the clock of
// the job's zone shows.
type dueTime struct {
	At        time.Time     `json:"at"`
	UTC       time.Time     `json:"utc"`
	Gap       time.Duration `json:"gap_ms,omitzero"`
	Changes   []clockChange `json:"clock_changes,omitempty"`
	MovedFrom string        `json:"moved_from,omitempty"`
	Lost      string        `json:"lost,omitempty"`
	Repeat    int           `json:"repeat,omitzero"`
	Skipped   int           `json:"skipped,omitzero"`
	Why       string        `json:"why,omitempty"`
	note      string
}

type clockChange struct {
	At     time.Time `json:"at"`
	Before string    `json:"before"`
	After  string    `json:"after"`
}

// Run shows due times.
func (c *nextCmd) Run(ctx context.Context, s *session) error {
	jobs, err := c.jobs(ctx, s)
	if err != nil {
		return err
	}
	if c.From.IsZero() {
		c.From = moment{time.Now()}
	}
	if c.Calendar != "none" {
		return c.heat(s, jobs)
	}
	all := make([]upcoming, 0, len(jobs))
	var calendars job.Calendars
	for _, j := range jobs {
		u, err := c.upcoming(j, &calendars)
		if err != nil {
			return err
		}
		all = append(all, u)
	}
	if c.Output == "json" {
		return s.asJSON(all)
	}
	return s.table(c.table(all), "no jobs")
}

func (c *nextCmd) table(all []upcoming) *table {
	t := newTable("JOB…", "DUE", "OFFSET", "UTC", "IN", "GAP", "SCHEDULE…", "NOTE…")
	for _, u := range all {
		paused := ""
		if u.Paused {
			paused = "paused: not run"
		}
		for _, due := range u.Due {
			gap := "-"
			if due.Gap > 0 {
				gap = roughly(due.Gap)
			}
			notes := slices.DeleteFunc([]string{paused, due.note}, func(n string) bool { return n == "" })
			t.add(u.Job, due.At.Format("Mon 2006-01-02 15:04:05"), due.At.Format("-07:00"), due.UTC.Format(utcLayout(due)),
				roughly(due.At.Sub(c.From.Time)), gap, u.Schedule, strings.Join(notes, "; "))
		}
		if len(u.Due) == 0 {
			note := "never due again"
			if u.Schedule == "" {
				note = "runs only when asked to"
			}
			t.add(u.Job, "-", "-", "-", "-", "-", orDash(u.Schedule), note)
		}
	}
	return t
}

// utcLayout leaves the date out where it is that of the due time's zone.
func utcLayout(d dueTime) string {
	if d.At.Format(time.DateOnly) == d.UTC.Format(time.DateOnly) {
		return "15:04:05"
	}
	return "Mon 15:04:05"
}

// jobs returns those of the file or, if there is no such file, the job in
// force of that name.
func (c *nextCmd) jobs(ctx context.Context, s *session) ([]job.Job, error) {
	if _, err := os.Stat(c.What); err == nil {
		set, err := readSet(ctx, []string{c.What})
		if err != nil || len(c.Job) == 0 {
			return set.Jobs, err
		}
		return c.named(set.Jobs)
	}
	if strings.ContainsAny(c.What, "/\\") && !c.mayBeJob() {
		return nil, usageError(fmt.Errorf("there is no file %s", c.What))
	}
	k, err := c.way(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("there is no file %s, so it is taken for a job: %w", c.What, err)
	}
	defer k.close()
	j, err := k.job(ctx, c.What)
	return []job.Job{j.Job}, err
}

// mayBeJob tells the name of a job, which may hold slashes, from a path.
func (c *nextCmd) mayBeJob() bool {
	for _, ending := range []string{".yaml", ".yml", ".cron", ".crontab"} {
		if strings.HasSuffix(c.What, ending) {
			return false
		}
	}
	return !strings.ContainsAny(c.What[:1], "./\\") && !strings.HasSuffix(c.What, "/")
}

func (c *nextCmd) named(jobs []job.Job) ([]job.Job, error) {
	var out []job.Job
	for _, name := range c.Job {
		i := slices.IndexFunc(jobs, func(j job.Job) bool { return j.Name == name })
		if i < 0 {
			return nil, notFound("there is no job %q in %s", name, c.What)
		}
		out = append(out, jobs[i])
	}
	return out, nil
}

func (c *nextCmd) upcoming(j job.Job, calendars *job.Calendars) (upcoming, error) {
	u := upcoming{Job: j.Name, Schedule: j.Schedule, Timezone: j.Timezone, Paused: j.Paused, Due: []dueTime{}}
	f, err := firesOf(j, calendars)
	if err != nil || f == nil {
		return u, err
	}
	zone := f.zone
	if c.Timezone != "" {
		if zone, err = tzdata.Load(c.Timezone); err != nil {
			return u, err
		}
	}
	preview := plan.Preview{Next: f.next, Reason: f.reason}
	if preview.Wall, err = wallOf(j); err != nil {
		return u, err
	}
	for _, found := range preview.List(c.From.Add(-1), c.Count) {
		u.Due = append(u.Due, dueOf(found, zone))
	}
	return u, nil
}

// fires is when a job is due.
type fires struct {
	next   plan.Next
	zone   *time.Location
	reason func(at time.Time) string // why a due time is not run; nil: all are
}

// firesOf compiles a job; nil for one that runs only when asked to. Jobs
// compiled with the same calendars share them.
func firesOf(j job.Job, calendars *job.Calendars) (*fires, error) {
	compiled, err := j.Compile()
	if err != nil || compiled == nil {
		return nil, err
	}
	f := &fires{next: compiled.Next, zone: compiled.Location()}
	excluded, err := calendars.Exclusions(&j, f.zone)
	if err != nil {
		return nil, fmt.Errorf("reading the calendars of job %s: %w", j.Name, err)
	}
	if excluded != nil {
		f.reason = excluded.Reason
	}
	return f, nil
}

// due is what plan compares and counts.
func (f *fires) due() plan.Due {
	if f == nil {
		return plan.Due{}
	}
	d := plan.Due{Next: f.next}
	if f.reason != nil {
		d.Skipped = func(at time.Time) bool { return f.reason(at) != "" }
	}
	return d
}

// wallOf names the times of the clock that a job goes by; nil if it does not
// go by one.
func wallOf(j job.Job) (plan.Next, error) {
	if word := strings.ToLower(j.Schedule); strings.HasPrefix(word, "@every") || strings.HasPrefix(word, "@at") {
		return nil, nil
	}
	j.Timezone = "UTC"
	compiled, err := j.Compile()
	if err != nil {
		return nil, err
	}
	return compiled.Next, nil
}

func dueOf(u plan.Upcoming, zone *time.Location) dueTime {
	d := dueTime{At: u.At.In(zone), UTC: u.At.UTC(), Repeat: u.Repeat, Skipped: u.Skipped, Why: u.Why}
	if !u.Since.IsZero() {
		d.Gap = u.At.Sub(u.Since)
	}
	for _, change := range u.Changes {
		d.Changes = append(d.Changes, clockChange{At: change.At.UTC(), Before: wallClock(change.Before()), After: wallClock(change.After())})
	}
	if !u.MovedFrom.IsZero() {
		d.MovedFrom = wallClock(u.MovedFrom)
	}
	if !u.Lost.IsZero() {
		d.Lost = wallClock(u.Lost)
	}
	d.note = noteOf(u)
	return d
}

// wallClock writes what a clock shows, which is no instant.
func wallClock(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05") }

// noteOf says in words what is peculiar about a due time.
func noteOf(u plan.Upcoming) string {
	var notes []string
	if u.Skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d before it not run (%s)", u.Skipped, u.Why))
	}
	for _, change := range u.Changes {
		notes = append(notes, changeNote(change, u.At))
	}
	if !u.MovedFrom.IsZero() {
		notes = append(notes, u.MovedFrom.Format("15:04")+" does not come: due at the end of the gap")
	}
	if !u.Lost.IsZero() {
		notes = append(notes, u.Lost.Format("15:04")+" does not come")
	}
	clock := u.At.Format("15:04")
	switch {
	case u.Repeat == 0:
	case !u.Both:
		notes = append(notes, clock+" comes twice: due once")
	case u.Repeat == 1:
		notes = append(notes, clock+" comes twice: the first")
	default:
		notes = append(notes, clock+" comes twice: the second")
	}
	return strings.Join(notes, "; ")
}

// changeNote leaves the date out where it is that of the due time.
func changeNote(change plan.Change, at time.Time) string {
	word := "back"
	if change.Forward() {
		word = "forward"
	}
	layout := "15:04"
	before := change.Before().Format(layout)
	if change.Before().Format(time.DateOnly) != at.Format(time.DateOnly) {
		before = change.Before().Format("2 Jan " + layout)
	}
	return "clock " + word + " " + before + " → " + change.After().Format(layout)
}

// roughly writes a distance in time with its two largest units.
func roughly(d time.Duration) string {
	days, d := d/(24*time.Hour), d%(24*time.Hour)
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, d/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
)

type nextCmd struct {
	connection
	answer
	What     string    `arg:"" name:"file-or-job" predictor:"file" help:"Job file, folder of them, or the name of a job in force."`
	Count    int       `short:"n" default:"10" help:"Show so many due times of each job."`
	Timezone string    `placeholder:"ZONE" help:"Show times in this zone instead of each job's own."`
	After    time.Time `placeholder:"TIME" format:"2006-01-02T15:04:05Z07:00" help:"Begin after this instant (RFC 3339) instead of now."`
}

func (nextCmd) Help() string {
	return "For a file, Kafka is not needed.\n\n" +
		"Examples:\n\n    belfry next jobs.yaml\n    belfry next backup -n 3 --timezone Europe/Berlin\n    belfry next jobs.yaml --after 2026-03-29T00:00:00Z"
}

// Validate is called by kong.
func (c *nextCmd) Validate() error {
	if c.Count < 1 || c.Count > 10_000 {
		return errors.New("-n must be from 1 to 10000")
	}
	if c.Timezone != "" {
		if _, err := time.LoadLocation(c.Timezone); err != nil {
			return fmt.Errorf("--timezone: there is no zone %q; zones are named as in the IANA data, such as Europe/Berlin", c.Timezone)
		}
	}
	return nil
}

// upcoming is what next answers about one job.
type upcoming struct {
	Job      string      `json:"job"`
	Schedule string      `json:"schedule,omitempty"`
	Timezone string      `json:"timezone,omitempty"`
	Due      []time.Time `json:"due"`
}

// Run shows due times.
func (c *nextCmd) Run(ctx context.Context, s *session) error {
	jobs, err := c.jobs(ctx, s)
	if err != nil {
		return err
	}
	after := c.After
	if after.IsZero() {
		after = time.Now()
	}
	all := make([]upcoming, 0, len(jobs))
	for _, j := range jobs {
		u, err := c.upcoming(j, after)
		if err != nil {
			return err
		}
		all = append(all, u)
	}
	if c.Output == "json" {
		return s.asJSON(all)
	}
	t := newTable("JOB…", "DUE", "IN", "SCHEDULE…")
	for _, u := range all {
		for _, due := range u.Due {
			t.add(u.Job, due.Format("Mon 2006-01-02 15:04:05 MST"), roughly(due.Sub(after)), u.Schedule)
		}
		if len(u.Due) == 0 {
			t.add(u.Job, "-", "-", orDash(u.Schedule))
		}
	}
	return s.table(t, "no jobs")
}

// jobs returns those of the file or, if there is no such file, the job in
// force of that name.
func (c *nextCmd) jobs(ctx context.Context, s *session) ([]job.Job, error) {
	if _, err := os.Stat(c.What); err == nil {
		set, _, err := readSet([]string{c.What})
		return set.Jobs, err
	}
	if strings.ContainsAny(c.What, "/\\") {
		return nil, usageError(fmt.Errorf("there is no file %s", c.What))
	}
	k, err := c.connect(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("there is no file %s, so it is taken for a job: %w", c.What, err)
	}
	defer k.close()
	j, err := k.job(ctx, c.What)
	return []job.Job{j.Job}, err
}

func (c *nextCmd) upcoming(j job.Job, after time.Time) (upcoming, error) {
	u := upcoming{Job: j.Name, Schedule: j.Schedule, Timezone: j.Timezone, Due: []time.Time{}}
	schedule, err := j.Compile()
	if err != nil || schedule == nil {
		return u, err
	}
	zone := schedule.Location()
	if c.Timezone != "" {
		if zone, err = time.LoadLocation(c.Timezone); err != nil {
			return u, err
		}
	}
	for range c.Count {
		due, ok := schedule.Next(after)
		if !ok {
			break
		}
		u.Due = append(u.Due, due.In(zone))
		after = due
	}
	return u, nil
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

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

type planCmd struct {
	connection
	answer
	Files    []string  `short:"f" name:"file" required:"" placeholder:"FILE|DIR" predictor:"file" help:"Job files, or folders of them."`
	Prune    bool      `help:"As apply --prune would: without the jobs that came from these files or folders and are no longer in them."`
	Hours    int       `default:"24" help:"Look so many hours ahead."`
	Count    int       `short:"n" default:"10" help:"Show so many due times of each job; 0 shows all."`
	From     time.Time `placeholder:"TIME" format:"2006-01-02T15:04:05Z07:00" help:"Begin at this instant (RFC 3339) instead of now."`
	Timezone string    `placeholder:"ZONE" help:"Show times in this zone instead of the local one."`
}

func (planCmd) Help() string {
	return "Compares files with the jobs in force: + for a due time that is added, - for one that is removed, ~ for one that is moved, " +
		"and how many fall on each minute before and after. Nothing is changed. " +
		"The exit code is 0 if nothing would change, 6 if anything would.\n\n" +
		"Examples:\n\n    belfry plan -f jobs.yaml\n    belfry plan -f jobs.d/ --prune --hours 168 -o json"
}

// Validate is called by kong.
func (c *planCmd) Validate() error {
	const most = 31 * 24
	if c.Hours < 1 || c.Hours > most {
		return fmt.Errorf("--hours must be from 1 to %d", most)
	}
	if c.Count < 0 {
		return errors.New("-n must not be less than 0")
	}
	return checkZone(c.Timezone)
}

// planAnswer is what plan answers. The loads are due times in each minute
// from From on.
type planAnswer struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Differs bool      `json:"differs"`
	Added   int       `json:"added"`
	Removed int       `json:"removed"`
	Moved   int       `json:"moved"`
	// Resourced is how many jobs would come from another file, all else as
	// before; they are not among Jobs.
	Resourced int         `json:"resourced,omitzero"`
	Jobs      []jobChange `json:"jobs"`
	Before    []int       `json:"load_before"`
	After     []int       `json:"load_after"`

	result plan.Result
}

// jobChange is what apply would do to one job, and what that does to its due
// times.
type jobChange struct {
	Change steer.ChangeKind `json:"change"`
	Fields []string         `json:"fields,omitempty"`
	Was    string           `json:"schedule_was,omitempty"`
	Now    string           `json:"schedule,omitempty"`
	Paused bool             `json:"paused,omitzero"`
	plan.Diff
}

// Run compares.
func (c *planCmd) Run(ctx context.Context, s *session) error {
	set, err := readSet(ctx, c.Files)
	if err != nil {
		return err
	}
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	s.progress.say("reading the jobs in force")
	have, err := k.Jobs(ctx)
	if err != nil {
		return err
	}
	states, err := k.States(ctx, "")
	if err != nil {
		return err
	}
	prune := (&applyCmd{Files: c.Files, Prune: c.Prune}).prune()
	if c.From.IsZero() {
		c.From = time.Now()
	}
	a, err := c.compare(have, states.Jobs, steer.Plan(have, set.Jobs, prune))
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = s.asJSON(a)
	} else {
		err = c.show(s, a)
	}
	if err == nil && a.Differs {
		return &exitError{exitDiffers, errors.New("")}
	}
	return err
}

// compare finds the due times that differ. A job paused by command stays so
// when its definition changes.
func (c *planCmd) compare(have map[string]topic.Job, states map[string]shard.JobState, changes []steer.Change) (planAnswer, error) {
	from := c.From.Truncate(time.Second)
	w := plan.Window{From: from, To: from.Add(time.Duration(c.Hours) * time.Hour)}
	all := len(changes)
	changes = slices.DeleteFunc(changes, func(c steer.Change) bool { return slices.Equal(c.Fields, []string{"source"}) })
	a := planAnswer{From: w.From.UTC(), To: w.To.UTC(), Differs: len(changes) > 0, Resourced: all - len(changes), Jobs: []jobChange{}}
	var jobs []plan.Job
	var calendars job.Calendars
	changed := map[string]bool{}
	for _, change := range changes {
		changed[change.Name] = true
		before, was := have[change.Name]
		one := jobChange{Change: change.Kind, Fields: change.Fields, Paused: states[change.Name].Paused || change.Job.Paused}
		j := plan.Job{Name: change.Name}
		if was {
			one.Was = before.Job.Schedule
			j.Before = inForce(before.Job, states[change.Name].Paused, &calendars)
		}
		if change.Kind != steer.Removed {
			one.Now = change.Job.Schedule
			f, err := firesOf(change.Job, &calendars)
			if err != nil {
				return a, err
			}
			if !one.Paused {
				j.After = f.due()
			}
		}
		a.Jobs = append(a.Jobs, one)
		jobs = append(jobs, j)
	}
	for name, j := range have {
		if !changed[name] {
			jobs = append(jobs, plan.Job{Name: name, Same: true, Before: inForce(j.Job, states[name].Paused, &calendars)})
		}
	}
	a.result = plan.Compare(jobs, w)
	for i := range a.Jobs {
		d := a.result.Jobs[i]
		a.Jobs[i].Diff = d
		a.Added += d.Added
		a.Removed += d.Removed
		a.Moved += d.Moved
	}
	a.Before, a.After = a.result.Before.PerMinute, a.result.After.PerMinute
	return a, nil
}

// inForce is when a job is due now. A definition that this version cannot
// read has no due times here, and none at a scheduler of this version.
func inForce(j job.Job, paused bool, calendars *job.Calendars) plan.Due {
	f, err := firesOf(j, calendars)
	if err != nil || paused || j.Paused {
		return plan.Due{}
	}
	return f.due()
}

func (c *planCmd) show(s *session, a planAnswer) error {
	zone := time.Local
	if c.Timezone != "" {
		var err error
		if zone, err = tzdata.Load(c.Timezone); err != nil {
			return err
		}
	}
	for i := range a.Jobs {
		c.showJob(s, &a.Jobs[i], zone)
	}
	if len(a.Jobs) > 0 {
		s.printf("\n")
	}
	c.showLoad(s, a, zone)
	if a.Resourced > 0 {
		s.printf("\n%s would come from another file, all else as before\n", counted(a.Resourced, "job"))
	}
	if !a.Differs {
		s.printf("\nnothing would change\n")
		return nil
	}
	s.printf("\n%s would change: %s added, %d removed, %d moved\n",
		counted(len(a.Jobs), "job"), counted(a.Added, "due time"), a.Removed, a.Moved)
	return nil
}

func (c *planCmd) showJob(s *session, j *jobChange, zone *time.Location) {
	mark := map[steer.ChangeKind]string{steer.Added: "+", steer.Changed: "~", steer.Removed: "-"}[j.Change]
	what := ""
	switch {
	case j.Change == steer.Added:
		what = orDash(j.Now)
	case j.Change == steer.Removed:
		what = orDash(j.Was)
	case j.Was != j.Now:
		what = orDash(j.Was) + " → " + orDash(j.Now)
	}
	s.printf("%s\n", strings.TrimRight(fmt.Sprintf("%s %s  %s", mark, j.Job, oneLine(what)), " "))
	if fields := slices.DeleteFunc(slices.Clone(j.Fields), func(f string) bool { return f == "schedule" || f == "source" }); len(fields) > 0 {
		s.printf("    changed: %s\n", strings.Join(fields, ", "))
	}
	if j.Paused {
		s.printf("    paused: no due time is run\n")
	}
	s.printf("    %s\n", countsOf(j.Diff))
	shown := j.Fires
	if c.Count > 0 && !j.Counted {
		shown = shown[:min(len(shown), c.Count)]
	}
	for i, f := range shown {
		if j.Counted && i%2 == 1 {
			s.printf("      …\n")
		}
		s.printf("    %s\n", fireLine(f, zone))
	}
	if more := len(j.Fires) - len(shown); more > 0 {
		s.printf("      … and %d more (-n 0 shows all)\n", more)
	}
}

// countsOf writes how many due times differ.
func countsOf(d plan.Diff) string {
	if !d.Differs() {
		return fmt.Sprintf("the same due times as before: %d", d.Kept)
	}
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{d.Added, "added"}, {d.Removed, "removed"}, {d.Moved, "moved"}, {d.Kept, "as before"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	text := "due times: " + strings.Join(parts, ", ")
	if d.Counted {
		text += "; the first and the last:"
	}
	return text
}

func fireLine(f plan.Fire, zone *time.Location) string {
	const layout = "Mon 2006-01-02 15:04:05 -07:00"
	switch f.Kind {
	case plan.Added:
		return "+ " + f.Now.In(zone).Format(layout)
	case plan.Removed:
		return "- " + f.Was.In(zone).Format(layout)
	case plan.Moved:
	}
	by, word := f.Now.Sub(f.Was), "later"
	if by < 0 {
		by, word = -by, "earlier"
	}
	to := layout
	if f.Was.In(zone).Format(time.DateOnly) == f.Now.In(zone).Format(time.DateOnly) {
		to = "15:04:05 -07:00"
	}
	return fmt.Sprintf("~ %s → %s (%s %s)", f.Was.In(zone).Format(layout), f.Now.In(zone).Format(to), roughly(by), word)
}

// showLoad draws the due times of each minute, before and after in one scale.
func (c *planCmd) showLoad(s *session, a planAnswer, zone *time.Location) {
	minutes := columnMinutes(c.Hours*60, s.width)
	const layout = "Mon 2006-01-02 15:04"
	s.printf("due times a minute, %s to %s %s; a column is %s, and its busiest minute\n",
		a.From.In(zone).Format(layout), a.To.In(zone).Format(layout), a.To.In(zone).Format("-07:00"), roughly(time.Duration(minutes)*time.Minute))
	_, highest := a.result.Before.Peak()
	if _, n := a.result.After.Peak(); n > highest {
		highest = n
	}
	for _, side := range []struct {
		name string
		load plan.Load
	}{{"before", a.result.Before}, {"after ", a.result.After}} {
		at, n := side.load.Peak()
		peak := "none"
		if n > 0 {
			peak = fmt.Sprintf("most %d at %s, %d in all", n, at.In(zone).Format("15:04"), side.load.Total())
		}
		s.printf("%s %s\n       %s\n", side.name, sparkline(side.load.Columns(minutes), highest), peak)
	}
}

// columnMinutes is how many minutes a column of the load stands for: a round
// number with which they all fit the width, 104 where there is none.
func columnMinutes(minutes, width int) int {
	const label = 8
	if width == 0 {
		width = 104
	}
	for _, column := range []int{1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720} {
		if (minutes+column-1)/column <= width-label {
			return column
		}
	}
	return 24 * 60
}

// sparkline draws numbers as bars, none as a dot.
func sparkline(numbers []int, highest int) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	out := make([]rune, len(numbers))
	for i, n := range numbers {
		out[i] = '·'
		if n > 0 {
			out[i] = bars[(n*len(bars)-1)/max(highest, 1)]
		}
	}
	return string(out)
}

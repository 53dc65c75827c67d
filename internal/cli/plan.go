package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

type planCmd struct {
	reachable
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

// Run compares.
func (c *planCmd) Run(ctx context.Context, s *session) error {
	set, err := readSet(ctx, c.Files)
	if err != nil {
		return err
	}
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	s.progress.say("reading the jobs in force")
	a, err := k.plan(ctx, set.Jobs, pruned(c.Prune, c.Files), c.window())
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

// window is the time that is looked at.
func (c *planCmd) window() plan.Window {
	from := c.From
	if from.IsZero() {
		from = time.Now()
	}
	from = from.Truncate(time.Second)
	return plan.Window{From: from, To: from.Add(time.Duration(c.Hours) * time.Hour)}
}

func (c *planCmd) show(s *session, a steer.Forecast) error {
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

func (c *planCmd) showJob(s *session, j *steer.JobChange, zone *time.Location) {
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
func (c *planCmd) showLoad(s *session, a steer.Forecast, zone *time.Location) {
	minutes := columnMinutes(c.Hours*60, s.width)
	const layout = "Mon 2006-01-02 15:04"
	s.printf("due times a minute, %s to %s %s; a column is %s, and its busiest minute\n",
		a.From.In(zone).Format(layout), a.To.In(zone).Format(layout), a.To.In(zone).Format("-07:00"), roughly(time.Duration(minutes)*time.Minute))
	before, after := plan.Load{From: a.From, PerMinute: a.Before}, plan.Load{From: a.From, PerMinute: a.After}
	_, highest := before.Peak()
	if _, n := after.Peak(); n > highest {
		highest = n
	}
	for _, side := range []struct {
		name string
		load plan.Load
	}{{"before", before}, {"after ", after}} {
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

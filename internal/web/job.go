package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// chartRuns is how many runs the chart of durations shows.
	chartRuns = 60
	// gridDays is how many days the grid of a job shows.
	gridDays = 7
	// listedDue is how many due times to come are listed.
	listedDue = 10
	// jobRuns is how many runs a job's page lists.
	jobRuns = 25
)

// jobBody is the page of a job.
type jobBody struct {
	Line     jobLine
	Command  string
	Row      history.JobRow
	InForce  bool // the job is in force; else only its past is known
	Operates bool
	Edits    bool
	Paused   bool
	InFile   bool // it is paused by its definition: only an edit resumes it
	Aside    string
	Success  string // the rate over the chart
	Rate     string
	Chart    columns
	Grid     heat
	Runs     []runRow
	MoreRuns string
	Upcoming []dueRow
	Versions []versionRow
	Diff     []diffLine
	DiffOf   string
	Text     string // the definition as a job file
}

// dueRow is a due time to come.
type dueRow struct {
	Due   moment
	There string // what the job's own clock shows, if its zone is another
	Note  string
}

// versionRow is a definition that was in force.
type versionRow struct {
	Version string
	At      moment
	By      string
	Removed bool
	Current bool
	Compare string // the address of its difference from the one before
}

func (s *Site) job(ctx context.Context, r *http.Request, rd reader) (frame, error) {
	name := r.PathValue("name")
	definitions, err := s.o.History.Definitions(ctx, name)
	if err != nil {
		return frame{}, fmt.Errorf("reading the definitions of %s: %w", name, err)
	}
	row, err := s.o.History.Job(ctx, name, rd.clock.now)
	b := jobBody{InForce: err == nil}
	var missing *history.NoJobError
	if errors.As(err, &missing) && len(definitions) > 0 {
		row.Job = lastDefinition(definitions).Job
		row.Job.Job.Name = name
	} else if err != nil {
		return frame{}, err
	}
	s.wished(&row, rd.clock.now)
	def := &row.Job.Job
	if err := rd.Who.MayWith(access.Viewer, name, def.Cluster, def.Labels); err != nil {
		return frame{}, err
	}
	b.Row, b.Line, b.Command = row, jobLineOf(&row, rd.clock), commandLine(def.Command)
	b.Operates = b.InForce && s.o.Steer != nil && rd.Operates()
	b.Edits = s.o.Steer != nil && rd.Edits()
	b.Paused, b.InFile = row.Paused, def.Paused
	if row.Aside != "" {
		b.Aside = run.Words(row.Aside)
	}
	if err := s.past(ctx, rd, name, &b); err != nil {
		return frame{}, err
	}
	if b.InForce {
		b.Upcoming = upcoming(*def, rd.clock)
	}
	b.Versions = versionRows(definitions, rd.clock)
	b.Text, b.Diff, b.DiffOf = definitionText(*def), nil, r.URL.Query().Get("version")
	if b.DiffOf != "" {
		b.Diff = diffOf(definitions, b.DiffOf)
	}
	return frame{Page: "job", Title: name, Nav: "/jobs", Live: "job=" + name, Body: b}, nil
}

// lastDefinition is the newest that is not a removal.
func lastDefinition(all []history.Definition) history.Definition {
	for _, d := range all {
		if !d.Removed {
			return d
		}
	}
	return history.Definition{}
}

// past reads what became of a job's due times.
func (s *Site) past(ctx context.Context, rd reader, name string, b *jobBody) error {
	listed, err := s.o.History.Runs(ctx, history.RunFilter{Job: name, WithSkips: true, Limit: jobRuns})
	if err != nil {
		return fmt.Errorf("reading the runs of %s: %w", name, err)
	}
	for i := range listed.Runs {
		b.Runs = append(b.Runs, runRowOf(&listed.Runs[i], rd.clock))
	}
	if listed.Next != "" {
		b.MoreRuns = runQuery{Job: name}.address()
	}
	ran, err := s.o.History.Runs(ctx, history.RunFilter{Job: name, Limit: chartRuns})
	if err != nil {
		return fmt.Errorf("reading the runs of %s: %w", name, err)
	}
	charted := slices.DeleteFunc(ran.Runs, func(r history.RunRow) bool { return r.State == run.StateSkipped })
	slices.Reverse(charted)
	b.Chart = durationChart(charted, rd.clock)
	b.Rate, b.Success = successRate(charted)
	days, err := s.o.History.Calendar(ctx, name, "", rd.clock.now.AddDate(0, 0, 1-gridDays), rd.clock.now, rd.clock.zone)
	if err != nil {
		return fmt.Errorf("reading the days of %s: %w", name, err)
	}
	b.Grid = pastGrid(days, rd.clock)
	return nil
}

// successRate is the share of the runs that succeeded, and of how many.
func successRate(runs []history.RunRow) (rate, of string) {
	var well, ended int
	for i := range runs {
		switch toneOf(runs[i].State) {
		case good:
			well++
			ended++
		case bad:
			ended++
		case late, busy, wait, none:
		}
	}
	if ended == 0 {
		return "–", "no run has ended"
	}
	return fmt.Sprintf("%d %%", 100*well/ended), fmt.Sprintf("%d of %s", well, counted(ended, "run"))
}

// upcoming lists the next due times of a job.
func upcoming(j job.Job, c clock) []dueRow {
	compiled, err := j.Compile()
	if err != nil || compiled == nil {
		return nil
	}
	preview := plan.Preview{Next: compiled.Next, Wall: wallOf(j)}
	var calendars job.Calendars
	if excluded, err := calendars.Exclusions(&j, compiled.Location()); err == nil && excluded != nil {
		preview.Reason = excluded.Reason
	}
	var rows []dueRow
	for _, u := range preview.List(c.now, listedDue) {
		row := dueRow{Due: c.moment(u.At), Note: dueNote(u)}
		there := u.At.In(compiled.Location())
		if _, offset := there.Zone(); offset != offsetOf(u.At.In(c.zone)) {
			row.There = clock{now: c.now, zone: compiled.Location()}.short(there) + " " + zoneName(there)
		}
		rows = append(rows, row)
	}
	return rows
}

func offsetOf(at time.Time) int {
	_, offset := at.Zone()
	return offset
}

// wallOf names the times of the clock that a job goes by; nil if it goes by
// none.
func wallOf(j job.Job) plan.Next {
	if word := strings.ToLower(j.Schedule); strings.HasPrefix(word, "@every") || strings.HasPrefix(word, "@at") {
		return nil
	}
	j.Timezone = "UTC"
	compiled, err := j.Compile()
	if err != nil || compiled == nil {
		return nil
	}
	return compiled.Next
}

// dueNote says what is peculiar about a due time.
func dueNote(u plan.Upcoming) string {
	var notes []string
	if u.Skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d before it not run: %s", u.Skipped, run.Words(u.Why)))
	}
	for _, change := range u.Changes {
		word := "back"
		if change.Forward() {
			word = "forward"
		}
		notes = append(notes, fmt.Sprintf("before it the clock goes %s, from %s to %s", word, change.Before().Format("15:04"), change.After().Format("15:04")))
	}
	if !u.MovedFrom.IsZero() {
		notes = append(notes, u.MovedFrom.Format("15:04")+" does not come: due at the end of the gap")
	}
	if !u.Lost.IsZero() {
		notes = append(notes, u.Lost.Format("15:04")+" does not come")
	}
	switch {
	case u.Repeat == 0:
	case !u.Both:
		notes = append(notes, "this time comes twice: due once")
	case u.Repeat == 1:
		notes = append(notes, "this time comes twice: the first")
	default:
		notes = append(notes, "this time comes twice: the second")
	}
	return strings.Join(notes, "; ")
}

func versionRows(definitions []history.Definition, c clock) []versionRow {
	var rows []versionRow
	for i, d := range definitions {
		v := versionRow{Version: d.Version, At: c.moment(d.AppliedAt), By: d.AppliedBy, Removed: d.Removed, Current: i == 0 && !d.Removed}
		if !d.Removed && i < len(definitions)-1 {
			v.Compare = d.Version
		}
		rows = append(rows, v)
	}
	return rows
}

// commandLine is a command as people write it: what a shell was given, or words
// with blanks between them.
func commandLine(command []string) string {
	if len(command) == 3 && command[0] == "/bin/sh" && command[1] == "-c" {
		return command[2]
	}
	words := make([]string, 0, len(command))
	for _, w := range command {
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\$&|;<>()*?[]#~`") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

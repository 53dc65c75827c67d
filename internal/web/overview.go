package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

// overviewBody is what the first page shows.
type overviewBody struct {
	Tone     tone
	Sentence string
	Overview history.Overview
	Whole    bool // the reader sees all jobs
	Fires    columns
	Hour     columns
	Total    int // due in the next hour
	Soon     []soonRow
	More     int // due in the next hour, and not among Soon
	Failing  []troubled
	Late     []troubled
	Running  []runLine
	Slots    []slotRow
}

// soonRow is an instant to come, and the jobs that are due then.
type soonRow struct {
	Due   moment
	Names []string
	More  int
}

// soonNames is how many jobs of an instant are named.
const soonNames = 3

// soonRows are the first instants at which jobs are due, and how many due times
// lie behind them.
func soonRows(fires []fire, c clock) (rows []soonRow, left int) {
	for i, f := range fires {
		if n := len(rows); n == 0 || !rows[n-1].Due.At.Equal(f.At) {
			if n == overviewRows {
				return rows, len(fires) - i
			}
			rows = append(rows, soonRow{Due: c.moment(f.At)})
		}
		last := &rows[len(rows)-1]
		if len(last.Names) < soonNames {
			last.Names = append(last.Names, f.Job.def.Name)
		} else {
			last.More++
		}
	}
	return rows, 0
}

// troubled is a job that somebody should look at.
type troubled struct {
	Name  string
	Since moment
	Why   string
	Strip strip
	Mark  mark
}

// slotRow is the room of a cluster.
type slotRow struct {
	history.Slots
	Meter meter
}

const overviewRows = 8

func (s *Site) overview(ctx context.Context, _ *http.Request, rd reader) (frame, error) {
	now := rd.clock.now
	o, err := s.o.History.Overview(ctx, now)
	if err != nil {
		return frame{}, fmt.Errorf("reading the overview: %w", err)
	}
	b := overviewBody{Overview: o, Whole: rd.Who.Scope.Whole(), Fires: firesChart(o.Fires, rd.clock)}
	if !b.Whole {
		if err := s.narrow(ctx, rd, &b.Overview); err != nil {
			return frame{}, err
		}
	}
	if b.Failing, err = s.troubled(ctx, rd, history.HealthFailing); err != nil {
		return frame{}, err
	}
	if b.Late, err = s.troubled(ctx, rd, history.HealthLate); err != nil {
		return frame{}, err
	}
	if b.Running, err = s.running(ctx, rd); err != nil {
		return frame{}, err
	}
	ahead, err := s.forecast(ctx)
	if err != nil {
		return frame{}, err
	}
	fires := ahead.soon(rd, time.Hour)
	b.Hour, b.Total = hourChart(fires, now, rd.clock), len(fires)
	b.Soon, b.More = soonRows(fires, rd.clock)
	for _, slots := range o.Slots {
		if rd.covers(slots.Cluster, rd.Who.Scope.Labels) {
			used := slots.Total - slots.Free
			b.Slots = append(b.Slots, slotRow{slots, meterOf(used, slots.Total, fmt.Sprintf("%d of %s of %s taken", used, counted(slots.Total, "slot"), slots.Cluster))})
		}
	}
	b.Tone, b.Sentence = health(b.Overview, b.Slots)
	return frame{Page: "overview", Title: "Overview", Nav: "/", Live: "all=1", Body: b}, nil
}

// narrow counts what a reader of some jobs alone may know.
func (s *Site) narrow(ctx context.Context, rd reader, o *history.Overview) error {
	counts := map[history.Health]*int{
		"": &o.Jobs, history.HealthFailing: &o.Failing, history.HealthLate: &o.Late,
		history.HealthPaused: &o.Paused, history.HealthAside: &o.Aside, history.HealthRunning: &o.Running,
	}
	o.Queued = 0
	clusters := rd.Who.Scope.Clusters
	if len(clusters) == 0 {
		clusters = []string{""}
	}
	for health, into := range counts {
		*into = 0
		for _, c := range clusters {
			page, err := s.o.History.Jobs(ctx, history.JobFilter{Health: health, Cluster: c, Labels: rd.Who.Scope.Labels, Limit: 1}, rd.clock.now)
			if err != nil {
				return fmt.Errorf("counting the jobs: %w", err)
			}
			*into += page.Total
		}
	}
	return nil
}

// troubled reads the first jobs of a health.
func (s *Site) troubled(ctx context.Context, rd reader, h history.Health) ([]troubled, error) {
	page, err := s.jobPage(ctx, rd, history.JobFilter{Health: h, Limit: overviewRows})
	if err != nil {
		return nil, err
	}
	var rows []troubled
	for i := range page.Jobs {
		j := &page.Jobs[i]
		t := troubled{Name: j.Job.Job.Name, Strip: stripOf(j.Strip, rd.clock), Mark: healthOf(j)}
		switch h {
		case history.HealthFailing:
			t.Since, t.Why = rd.clock.moment(j.LastSuccess), failingWhy(j)
		case history.HealthLate:
			t.Why = lateWhy(j)
		case history.HealthRunning, history.HealthPaused, history.HealthAside, history.HealthOK:
		}
		rows = append(rows, t)
	}
	return rows, nil
}

func failingWhy(j *history.JobRow) string {
	n := j.FailuresInRow
	switch {
	case n >= stripRuns:
		return fmt.Sprintf("its last %d runs failed", n)
	case n > 1:
		return fmt.Sprintf("%d failures in a row", n)
	}
	return "its last run failed"
}

func lateWhy(j *history.JobRow) string {
	if j.Queued > 0 {
		return counted(j.Queued, "run") + " should have started"
	}
	return "a due time is not decided"
}

// runLine is a run in a short list.
type runLine struct {
	ID      run.ID
	Job     string
	Worker  string
	Mark    mark
	Started moment
	Typical string // how long it usually takes
}

// running reads what is under way.
func (s *Site) running(ctx context.Context, rd reader) ([]runLine, error) {
	page, err := s.runPage(ctx, rd, history.RunFilter{States: []run.State{run.StateStarted}, Limit: overviewRows})
	if err != nil {
		return nil, err
	}
	var lines []runLine
	for i := range page.Runs {
		r := &page.Runs[i]
		lines = append(lines, runLine{ID: r.ID, Job: r.Job, Worker: r.Worker, Mark: markOf(r.State), Started: rd.clock.moment(r.StartedAt)})
	}
	return lines, nil
}

// health says in one sentence how everything stands.
func health(o history.Overview, slots []slotRow) (tone, string) {
	if o.Jobs == 0 {
		return none, "There are no jobs yet."
	}
	var worse, warn []string
	if o.Failing > 0 {
		worse = append(worse, fmt.Sprintf("%d of %s %s", o.Failing, counted(o.Jobs, "job"), plural(o.Failing, "fails", "fail")))
	}
	if o.Aside > 0 {
		worse = append(worse, fmt.Sprintf("%d %s set aside", o.Aside, plural(o.Aside, "is", "are")))
	}
	for _, s := range slots {
		if s.Workers == 0 {
			worse = append(worse, "no worker of "+s.Cluster+" lives")
		}
	}
	if o.Late > 0 {
		warn = append(warn, fmt.Sprintf("%d %s late", o.Late, plural(o.Late, "is", "are")))
	}
	if o.Dead > 0 {
		warn = append(warn, fmt.Sprintf("%s of the last day %s", counted(o.Dead, "dead letter"), plural(o.Dead, "waits", "wait")))
	}
	switch {
	case len(worse) > 0:
		return bad, sentence(append(worse, warn...))
	case len(warn) > 0:
		return late, sentence(append([]string{"none of " + counted(o.Jobs, "job") + " fails"}, warn...))
	case o.Jobs == 1:
		return good, "The job is well: it neither fails nor is it late."
	}
	return good, fmt.Sprintf("All %s are well: none fails, none is late.", counted(o.Jobs, "job"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// sentence joins clauses, and begins with a capital.
func sentence(clauses []string) string {
	text := strings.Join(clauses, ", ")
	if i := len(clauses) - 1; i > 0 {
		text = strings.Join(clauses[:i], ", ") + " and " + clauses[i]
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

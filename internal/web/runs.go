package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

// runRow is a run or a row of skipped due times, in a list.
type runRow struct {
	ID       run.ID // empty of skips
	Job      string
	Due      moment
	Through  moment // the last of several skipped due times
	Count    int    // how many were skipped; 0 if nobody knows
	Mark     mark
	Why      string
	Trigger  string
	Took     string
	Late     string
	Attempts int
	Exit     string
	Worker   string
	Cluster  string
}

func runRowOf(r *history.RunRow, c clock) runRow {
	row := runRow{
		ID: r.ID, Job: r.Job, Due: c.moment(r.Due), Mark: markOf(r.State), Worker: r.Worker, Cluster: r.Cluster,
		Attempts: r.Attempts, Trigger: triggerWords(r.Trigger),
	}
	if s := r.Skip; s != nil {
		row.Count, row.Why = s.Count, run.Words(s.Reason)
		if s.Through.After(s.Due) {
			row.Through = c.moment(s.Through)
		}
		return row
	}
	if r.Duration > 0 {
		row.Took = lasting(r.Duration)
	} else if r.State == run.StateStarted && !r.StartedAt.IsZero() {
		row.Took = "for " + lasting(max(0, c.now.Sub(r.StartedAt)))
	}
	if r.Lateness >= time.Second {
		row.Late = lasting(r.Lateness)
	}
	if r.ExitCode != nil && *r.ExitCode != 0 {
		row.Exit = strconv.Itoa(*r.ExitCode)
	}
	row.Why = rowWhy(r)
	return row
}

// rowWhy says why a run ended as it did, from what a row knows.
func rowWhy(r *history.RunRow) string {
	switch {
	case toneOf(r.State) == good:
		return ""
	case r.Reason == run.ReasonAttemptsUsed && r.ExitCode != nil && *r.ExitCode > 0:
		return fmt.Sprintf("exit code %d; %s", *r.ExitCode, run.Words(r.Reason))
	case r.Reason != "":
		return run.Words(r.Reason)
	case r.ExitCode != nil && *r.ExitCode > 0:
		return fmt.Sprintf("exit code %d", *r.ExitCode)
	}
	return ""
}

func triggerWords(t run.Trigger) string {
	switch t {
	case run.TriggerSchedule:
		return ""
	case run.TriggerCatchUp:
		return "caught up"
	case run.TriggerManual:
		return "asked for"
	case run.TriggerRequeue:
		return "requeued"
	case run.TriggerReplay:
		return "replayed"
	case run.TriggerBackfill:
		return "backfilled"
	}
	return string(t)
}

// runQuery is a filter of runs as the address holds it.
type runQuery struct {
	Job, Cluster, Worker, Label, State, Exit, Trigger, Text, From, To, After string
}

func runQueryOf(v url.Values) runQuery {
	return runQuery{
		Job: v.Get("job"), Cluster: v.Get("cluster"), Worker: v.Get("worker"), Label: v.Get("label"), State: v.Get("state"),
		Exit: v.Get("exit"), Trigger: v.Get("trigger"), Text: v.Get("text"), From: v.Get("from"), To: v.Get("to"), After: v.Get("after"),
	}
}

// address is where the list with that filter is.
func (q runQuery) address() string {
	v := url.Values{}
	for key, value := range map[string]string{
		"job": q.Job, "cluster": q.Cluster, "worker": q.Worker, "label": q.Label, "state": q.State, "exit": q.Exit,
		"trigger": q.Trigger, "text": q.Text, "from": q.From, "to": q.To, "after": q.After,
	} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if len(v) == 0 {
		return "/runs"
	}
	return "/runs?" + v.Encode()
}

// stateGroups are the groups of states that people look for, with all states
// beside them.
func stateGroups() map[string][]run.State {
	return map[string][]run.State{
		"": nil, "unfinished": unfinished(), "running": {run.StateStarted}, "failed": failed(),
		"succeeded": {run.StateSucceeded}, "cancelled": {run.StateCancelled}, "skipped": {run.StateSkipped},
	}
}

// filter is the filter for history. Days are those of the reader's zone.
func (q runQuery) filter(zone *time.Location) (history.RunFilter, error) {
	f := history.RunFilter{
		Job: q.Job, Cluster: q.Cluster, Worker: q.Worker, Trigger: run.Trigger(q.Trigger), Text: q.Text, After: q.After, Limit: pageRows,
		WithSkips: q.State == "" || q.State == "skipped",
	}
	states, ok := stateGroups()[q.State]
	if !ok {
		return f, &badRequestError{fmt.Sprintf("There is no state %q: there are %s.", q.State, strings.Join(slices.Sorted(maps.Keys(stateGroups()))[1:], ", "))}
	}
	f.States = states
	var err error
	if f.Labels, err = labelsOf(q.Label); err != nil {
		return f, err
	}
	if q.Exit != "" {
		code, err := strconv.Atoi(q.Exit)
		if err != nil {
			return f, &badRequestError{fmt.Sprintf("An exit code is a number; %q is none.", q.Exit)}
		}
		f.ExitCode = &code
	}
	if f.From, err = dayOf(q.From, zone, 0); err != nil {
		return f, err
	}
	f.To, err = dayOf(q.To, zone, 1)
	return f, err
}

// dayOf is the beginning of a day, so many days later; zero of an empty text.
func dayOf(text string, zone *time.Location, later int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return time.Time{}, &badRequestError{fmt.Sprintf("A day is written 2026-12-24; %q is none.", text)}
	}
	return day.AddDate(0, 0, later), nil
}

// runPage asks history for runs that the reader may see.
func (s *Site) runPage(ctx context.Context, rd reader, f history.RunFilter) (history.RunPage, error) {
	scope := rd.Who.Scope
	if len(scope.Labels) > 0 {
		f.Labels = maps.Clone(f.Labels)
		if f.Labels == nil {
			f.Labels = map[string]string{}
		}
		for key, value := range scope.Labels {
			if asked, ok := f.Labels[key]; ok && asked != value {
				return history.RunPage{}, nil
			}
			f.Labels[key] = value
		}
	}
	if len(scope.Clusters) == 1 && f.Cluster == "" {
		f.Cluster = scope.Clusters[0]
	}
	page, err := s.o.History.Runs(ctx, f)
	if err != nil {
		return page, fmt.Errorf("reading the runs: %w", err)
	}
	page.Runs = slices.DeleteFunc(page.Runs, func(r history.RunRow) bool {
		return !scope.Whole() && r.Skip == nil && len(scope.Clusters) > 0 && !slices.Contains(scope.Clusters, r.Cluster)
	})
	return page, nil
}

// runsBody is the list of runs.
type runsBody struct {
	Filter runQuery
	Rows   []runRow
	Next   string
	First  string
	Until  moment // how far back the filter was held against runs, if it stopped
	States []choice
	Wide   bool // the rarer filters are in use
}

func (s *Site) runs(ctx context.Context, r *http.Request, rd reader) (frame, error) {
	q := runQueryOf(r.URL.Query())
	filter, err := q.filter(rd.clock.zone)
	if err != nil {
		return frame{}, err
	}
	page, err := s.runPage(ctx, rd, filter)
	if err != nil {
		return frame{}, err
	}
	b := runsBody{Filter: q, Until: rd.clock.moment(page.Until), Wide: q.Worker+q.Label+q.Exit+q.Trigger+q.From+q.To+q.Cluster != ""}
	for i := range page.Runs {
		b.Rows = append(b.Rows, runRowOf(&page.Runs[i], rd.clock))
	}
	if page.Next != "" {
		next := q
		next.After = page.Next
		b.Next = next.address()
	}
	if q.After != "" {
		first := q
		first.After = ""
		b.First = first.address()
	}
	for _, word := range []string{"", "running", "unfinished", "failed", "succeeded", "skipped", "cancelled"} {
		one := q
		one.State, one.After = word, ""
		c := choice{Word: word, Href: one.address(), On: q.State == word}
		if word == "" {
			c.Word = "all"
		}
		b.States = append(b.States, c)
	}
	f := frame{Page: "runs", Title: "Runs", Nav: "/runs", Body: b}
	if q.After == "" {
		f.Live = "all=1"
	}
	return f, nil
}

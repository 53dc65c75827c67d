package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

// runBody is the page of a run.
type runBody struct {
	ID       run.ID
	Job      string
	Cluster  string
	Mark     mark
	Why      string
	Due      moment
	Started  moment
	Ended    moment
	Trigger  string
	Took     string
	Late     string
	Exit     string
	Worker   string
	CPU      string
	Memory   string
	Output   string
	Attempts int
	Version  string

	Steps    []step
	StepsCut int

	Log       []logLine
	Follows   bool // more may come
	LogCut    string
	LogWanted bool // there is, or will be, output

	Text    string // of the definition it ran by
	Cancels bool
	Again   bool
	Requeue bool
	Replay  bool
}

// step is a point on a run's way.
type step struct {
	At     moment
	Offset string // from the due time
	Tone   tone
	Word   string
	Note   string
}

func (s *Site) run(ctx context.Context, r *http.Request, rd reader) (frame, error) {
	d, err := s.detail(ctx, rd, r.PathValue("id"))
	if err != nil {
		return frame{}, err
	}
	b := runBodyOf(&d, rd.clock)
	operates := s.o.Steer != nil && rd.Operates()
	b.Cancels = operates && !d.Row.State.Final()
	b.Again = operates
	b.Requeue = operates && d.Row.State == run.StateDead
	b.Replay = operates && d.Row.State.Final() && d.Definition != nil
	if d.Row.State.Final() || s.o.Tail == nil {
		b.Log = renderTail(d.Tail)
	} else {
		b.Follows = true
	}
	b.LogWanted = b.Follows || len(b.Log) > 0
	if d.Tail.Before > 0 {
		b.LogCut = size(d.Tail.Before)
	}
	return frame{Page: "run", Title: d.Row.Job + " " + rd.clock.short(d.Row.Due), Nav: "/runs", Live: "run=" + string(d.Row.ID), Body: b}, nil
}

// detail reads a run that the reader may see.
func (s *Site) detail(ctx context.Context, rd reader, id string) (history.RunDetail, error) {
	d, err := s.o.History.Run(ctx, id)
	if err != nil {
		return d, fmt.Errorf("reading run %.60s: %w", id, err)
	}
	if rd.Who.Scope.Whole() {
		return d, nil
	}
	var labels map[string]string
	if row, err := s.o.History.Job(ctx, d.Row.Job, rd.clock.now); err == nil {
		labels = row.Job.Job.Labels
	} else if d.Definition != nil {
		labels = d.Definition.Job.Job.Labels
	}
	return d, rd.Who.MayWith(access.Viewer, d.Row.Job, d.Row.Cluster, labels)
}

func runBodyOf(d *history.RunDetail, c clock) runBody {
	row := &d.Row
	b := runBody{
		ID: row.ID, Job: row.Job, Cluster: row.Cluster, Mark: markOf(row.State), Due: c.moment(row.Due), Started: c.moment(row.StartedAt),
		Ended: c.moment(row.EndedAt), Trigger: triggerWords(row.Trigger), Worker: row.Worker, Attempts: row.Attempts, Version: row.Version,
	}
	last, _ := d.Run.Last()
	if toneOf(row.State) != good {
		b.Why = run.Why(d.Run.Reason, last.Outcome)
	}
	if row.Duration > 0 {
		b.Took = lasting(row.Duration)
	} else if row.State == run.StateStarted {
		b.Took = "for " + lasting(max(0, c.now.Sub(row.StartedAt)))
	}
	if late, ok := last.Lateness(); ok {
		b.Late = lateness(late)
	}
	if o := last.Outcome; o != nil {
		b.Exit = strconv.Itoa(o.ExitCode)
		if o.Signal != "" {
			b.Exit = o.Signal
		}
		if o.CPUTime > 0 {
			b.CPU = lasting(o.CPUTime)
		}
		if o.PeakMemoryBytes > 0 {
			b.Memory = size(o.PeakMemoryBytes)
		}
		b.Output = size(o.OutputBytes)
	}
	if d.Definition != nil {
		b.Text = definitionText(d.Definition.Job.Job)
	}
	b.Steps, b.StepsCut = steps(&d.Run, c), d.Run.NotesCut
	return b
}

func lateness(d time.Duration) string {
	if d < time.Millisecond {
		return "on time"
	}
	return lasting(d) + " late"
}

// steps is the way of a run in the order of time.
func steps(r *ledger.Run, c clock) []step {
	all := []step{{At: c.moment(r.Due), Tone: none, Word: "due", Note: triggerNote(r.Trigger)}}
	for i := range r.Attempts {
		all = append(all, attemptSteps(&r.Attempts[i], len(r.Attempts) > 1, r.Due, c)...)
	}
	for _, n := range r.Notes {
		all = append(all, step{At: c.moment(n.At), Tone: noteTone(n.Type), Word: noteWord(n.Type), Note: noteText(n)})
	}
	if r.Ended() {
		last, _ := r.Last()
		all = append(all, step{At: c.moment(r.EndedAt), Tone: toneOf(r.State), Word: markOf(r.State).Word, Note: run.Why(r.Reason, last.Outcome)})
	}
	slices.SortStableFunc(all, func(a, b step) int { return cmp.Or(a.At.At.Compare(b.At.At)) })
	for i := range all {
		all[i].Offset = offset(all[i].At.At.Sub(r.Due))
	}
	return all
}

// offset is a distance from the due time.
func offset(d time.Duration) string {
	switch {
	case d > -time.Millisecond && d < time.Millisecond:
		return "±0"
	case d < 0:
		return lasting(d)
	}
	return "+" + lasting(d)
}

func triggerNote(t run.Trigger) string {
	switch t {
	case run.TriggerSchedule:
		return "by its schedule"
	case run.TriggerCatchUp:
		return "caught up: it passed while no scheduler was deciding"
	case run.TriggerManual:
		return "somebody asked for it"
	case run.TriggerRequeue:
		return "somebody requeued it"
	case run.TriggerReplay:
		return "somebody asked for it again, by the definition of then"
	case run.TriggerBackfill:
		return "a backfill of what was not run"
	}
	return string(t)
}

// attemptSteps are the steps of one attempt. Its number is told if there are
// several.
func attemptSteps(a *ledger.Attempt, several bool, due time.Time, c clock) []step {
	var all []step
	name := ""
	if several {
		name = fmt.Sprintf("attempt %d", a.Number)
	}
	add := func(at time.Time, t tone, word, note string) {
		if at.IsZero() {
			return
		}
		if name != "" && note != "" {
			note = name + ", " + note
		} else if name != "" {
			note = name
		}
		all = append(all, step{At: c.moment(at), Tone: t, Word: word, Note: note})
	}
	add(a.EnqueuedAt, wait, "staged", staged(a.NotBefore, due))
	add(a.ClaimedAt, wait, "claimed", "by "+a.Worker)
	start := ""
	if late, ok := a.Lateness(); ok {
		start = lateness(late)
	}
	add(a.StartedAt, busy, "started", start)
	if o := a.Outcome; o != nil {
		note := "took " + lasting(o.EndedAt.Sub(o.StartedAt))
		if o.StartedAt.IsZero() || o.EndedAt.IsZero() {
			note = ""
		}
		if o.State != run.StateSucceeded {
			note = run.Ending(o)
		}
		add(o.EndedAt, toneOf(o.State), "command ended", note)
	}
	return all
}

func staged(notBefore, due time.Time) string {
	if wait := notBefore.Sub(due); wait >= time.Millisecond && !notBefore.IsZero() {
		return "to start " + lasting(wait) + " after it was due"
	}
	return ""
}

func noteTone(t run.EventType) tone {
	switch t {
	case run.EventLost, run.EventLate:
		return bad
	case run.EventRetrying, run.EventReturned, run.EventDropped, run.EventWithdrawn, run.EventRecalling, run.EventDeferred:
		return late
	case run.EventEnqueued, run.EventSkipped, run.EventEnded, run.EventDiscarded, run.EventBackfill, run.EventClaimed, run.EventStarting, run.EventFinished:
	}
	return none
}

func noteWord(t run.EventType) string {
	switch t {
	case run.EventRecalling:
		return "asked back"
	case run.EventRetrying:
		return "will be tried again"
	case run.EventLost:
		return "lost"
	case run.EventDeferred:
		return "held back"
	case run.EventWithdrawn:
		return "taken off its queue"
	case run.EventLate:
		return "reported too late"
	case run.EventReturned:
		return "given back"
	case run.EventDropped:
		return "dropped"
	case run.EventDiscarded:
		return "discarded"
	case run.EventEnqueued, run.EventSkipped, run.EventEnded, run.EventBackfill, run.EventClaimed, run.EventStarting, run.EventFinished:
	}
	return string(t)
}

func noteText(n ledger.Note) string {
	text := run.Words(n.Reason)
	if n.By != "" {
		if text != "" {
			text += "; "
		}
		text += "said by " + n.By
	}
	return text
}

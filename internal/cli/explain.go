package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

type explainCmd struct {
	reachable
	answer
	Job   string        `arg:"" help:"Name of the job."`
	At    string        `placeholder:"TIME" help:"Tell all about this due time: RFC 3339, or a date and time, or a time of today, in the job's zone."`
	Since time.Duration `default:"24h" help:"How far back to look."`
	Limit int           `short:"n" default:"50" help:"Show at most so many due times, the newest; 0 shows all."`
}

func (explainCmd) Help() string {
	return "The ledger holds, for every due time, the run it became or the reason why it was not run. " +
		"Due times that the schedule names and the ledger lacks are shown too, with what can be said of them.\n\n" +
		"Examples:\n\n    belfry explain backup\n    belfry explain backup --at 03:00\n    belfry explain backup --since 168h -o json"
}

// Validate is called by kong.
func (c *explainCmd) Validate() error {
	if c.Since <= 0 || c.Limit < 0 {
		return errors.New("--since must be more than 0, and --limit not less")
	}
	return nil
}

// verdict is what explain answers about one due time, or about a row of them
// of which the same is to be said.
type verdict struct {
	ledger.Entry
	// Verdict is the run's state, "skipped", or: "pending" (not due yet),
	// "undecided" (no scheduler has decided yet), "unrecorded" (decided, or
	// another definition's affair, and no event is left of it).
	Verdict string `json:"verdict"`
	Why     string `json:"why,omitempty"`

	// Through is the last due time of a row without events, Count how many it
	// holds; zero for a single one.
	Through time.Time `json:"through,omitzero"`
	Count   int       `json:"count,omitzero"`
}

// Run explains due times.
func (c *explainCmd) Run(ctx context.Context, s *session) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	now := time.Now()
	span := query.Span{From: now.Add(-c.Since), To: now.Add(c.Since / 24), Limit: c.Limit}
	x, err := k.explained(ctx, c.Job, span)
	if err != nil {
		return told(err)
	}
	at, zone := time.Time{}, time.UTC
	if c.At != "" {
		if zone, err = tzdata.Load(x.Zone); err != nil {
			return err
		}
		if at, err = parseTime(c.At, zone, now); err != nil {
			return usageError(fmt.Errorf("--at: %w", err))
		}
		if x, err = k.explained(ctx, c.Job, query.Span{From: at, To: at}); err != nil {
			return told(err)
		}
	}
	if x.Invalid != "" {
		s.note("the definition in force is not valid, so its due times are unknown: %s", x.Invalid)
	}
	if x.Aside != "" {
		s.note("%s", setAside(c.Job, x.Aside))
	}
	if c.At != "" {
		return c.explainOne(s, &x, at.In(zone))
	}
	verdicts := worded(&x)
	if c.Output == "json" {
		return s.asJSON(verdicts)
	}
	t := newTable("DUE", "BECAME", "RUN", "ATTEMPTS", "LATE", "EXIT", "WHY…")
	for _, v := range verdicts {
		t.add(verdictRow(&v)...)
	}
	return s.table(t, fmt.Sprintf("%s had no due time in the last %s", c.Job, c.Since))
}

// worded puts verdicts into words.
func worded(x *query.Explained) []verdict {
	verdicts := make([]verdict, 0, len(x.Verdicts))
	for i := range x.Verdicts {
		v := &x.Verdicts[i]
		w := verdict{Entry: v.Entry, Through: v.Through, Count: v.Count}
		w.Verdict, w.Why = words(v, x)
		verdicts = append(verdicts, w)
	}
	return verdicts
}

// words says what became of a due time, and why.
func words(v *query.Verdict, x *query.Explained) (became, because string) {
	became = string(v.Fate)
	switch {
	case v.Skip != nil:
		return became, run.Words(v.Skip.Reason)
	case v.Entry.Run != nil:
		last, _ := v.Entry.Run.Last()
		if because = run.Why(v.Entry.Run.Reason, last.Outcome); because != "" {
			return became, because
		}
		return became, map[run.Trigger]string{
			run.TriggerCatchUp: "caught up on: it passed while no scheduler was deciding",
			run.TriggerManual:  "somebody asked for it",
			run.TriggerRequeue: "somebody requeued it",
		}[v.Entry.Run.Trigger]
	}
	switch v.Fate {
	case query.Pending:
		return became, "not due yet"
	case query.Superseded:
		return "unrecorded", "before " + when(x.Definition.AppliedAt) + ", when the definition in force was applied"
	case query.Forgotten:
		return "unrecorded", "decided, but its events are no longer kept"
	case query.Undecided:
		return became, "no scheduler has decided yet; \"belfry members\" shows whether one lives"
	case query.SetAside:
		return "undecided", setAside(x.Job, x.Aside)
	case query.Skipped:
	}
	return became, ""
}

func verdictRow(v *verdict) []string {
	row := []string{when(v.Due), v.Verdict, "-", "-", "-", "-", orDash(v.Why)}
	through, count := v.Through, v.Count
	if v.Skip != nil {
		through, count = v.Skip.Through, v.Skip.Count
	}
	if through.After(v.Due) {
		row[0] += " to " + when(through)
		row[6] += fmt.Sprintf(" (%d due times)", count)
	}
	if v.Entry.Run == nil {
		return row
	}
	row[2] = short(v.Entry.Run.ID)
	if a, ok := v.Entry.Run.Last(); ok {
		row[3], row[5] = fmt.Sprint(a.Number), exit(a.Outcome)
		if late, ok := a.Lateness(); ok {
			row[4] = span(late)
		}
	}
	return row
}

// explainOne tells all about the due time asked for, which is in the job's zone.
func (c *explainCmd) explainOne(s *session, x *query.Explained, local time.Time) error {
	verdicts := worded(x)
	if len(verdicts) == 0 {
		neighbour := ""
		if !x.Next.IsZero() {
			neighbour = "; the next one after that is " + x.Next.In(local.Location()).Format(time.RFC3339)
		}
		return notFound("%s is no due time of %s%s", local.Format(time.RFC3339), c.Job, neighbour)
	}
	if c.Output == "json" {
		return s.asJSON(verdicts)
	}
	for _, v := range verdicts {
		s.printf("%s, due %s: %s\n", c.Job, local.Format("Mon 2006-01-02 15:04:05 MST"), v.Verdict)
		if v.Why != "" {
			s.printf("  %s\n", v.Why)
		}
		if v.Skip != nil && v.Skip.Count > 1 {
			s.printf("  with %d due times from %s to %s, at %s by %s\n", v.Skip.Count,
				when(v.Skip.Due), when(v.Skip.Through), when(v.Skip.At), v.Skip.By)
		}
		if v.Entry.Run != nil {
			s.printf("  run %s (%s) on %s\n", v.Entry.Run.ID, orDash(string(v.Entry.Run.Trigger)), orDash(v.Entry.Run.Cluster))
			for _, turn := range timeline(v.Entry.Run) {
				s.printf("  %s  %s\n", turn.at.In(local.Location()).Format("2006-01-02 15:04:05.000"), turn.text)
			}
		}
	}
	return nil
}

// turn is one line of a run's story.
type turn struct {
	at   time.Time
	text string
}

// timeline tells a run's story in the order of its instants.
func timeline(r *ledger.Run) []turn {
	var turns []turn
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			turns = append(turns, turn{at, fmt.Sprintf(format, args...)})
		}
	}
	for _, a := range r.Attempts {
		add(a.EnqueuedAt, "attempt %d put on a queue of %s, to start at %s", a.Number, r.Cluster, a.NotBefore.UTC().Format("15:04:05.000 MST"))
		add(a.ClaimedAt, "claimed by %s", a.Worker)
		if late, began := a.Lateness(); began {
			add(a.StartedAt, "started by %s, %s late", a.Worker, span(late))
		} else {
			add(a.StartedAt, "start announced by %s", a.Worker)
		}
		if o := a.Outcome; o != nil && o.State == run.StateSucceeded {
			add(o.EndedAt, "%s, exit %s", o.State, exit(o))
		} else if o != nil {
			add(o.EndedAt, "%s, exit %s: %s", o.State, exit(o), run.Ending(o))
		}
	}
	for _, n := range r.Notes {
		text := string(n.Type)
		if n.By != "" {
			text += " by " + n.By
		}
		if n.Reason != "" {
			text += ": " + run.Words(n.Reason)
		}
		add(n.At, "%s", text)
	}
	if r.NotesCut > 0 {
		add(r.EndedAt, "%d turns are left out", r.NotesCut)
	}
	add(r.EndedAt, "ended: %s", r.State)
	slices.SortStableFunc(turns, func(a, b turn) int { return a.at.Compare(b.at) })
	return turns
}

// moment is an instant given as a flag.
type moment struct{ time.Time }

// UnmarshalText reads what people write, in UTC where it names no zone.
func (m *moment) UnmarshalText(text []byte) (err error) {
	m.Time, err = parseTime(string(text), time.UTC, time.Now())
	return err
}

// parseTime reads an instant as people write it, in zone where it names none.
func parseTime(text string, zone *time.Location, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{
		"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly,
	} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			y, m, d := now.In(zone).Date()
			return time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, zone), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-03-29T03:00:00Z, \"2026-03-29 03:00\" or 03:00", text)
}

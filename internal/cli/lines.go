package cli

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// lines writes one line for each thing that becomes of a run: aligned columns
// for people, JSON for machines.
type lines struct {
	s     *session
	quiet bool
	json  *slog.Logger

	mu    sync.Mutex
	width int // of the job column, which grows with the names
}

func newLines(s *session, quiet bool) *lines {
	l := &lines{s: s, quiet: quiet, width: 12}
	if s.json {
		l.json = newLogger(s.out, slog.LevelInfo, true)
	}
	return l
}

// line is what there is to say.
type line struct {
	at      time.Time
	what    string
	job     string
	run     run.ID
	attempt int
	member  string
	due     time.Time
	late    time.Duration
	timed   bool // late means something
	took    time.Duration
	exit    string
	why     string // a code, or words
}

// scheduled takes the events of a scheduler: those a person wants to see. A
// run that is put on a queue is not among them; its start will be.
func (l *lines) scheduled(e run.Event) {
	n := line{at: e.At, job: e.Job, run: e.Run, attempt: e.Attempt, member: e.By, due: e.Due, why: e.Reason}
	switch e.Type {
	case run.EventSkipped:
		n.what = "skipped"
		switch {
		case e.Count > 1:
			n.why = fmt.Sprintf("%s: %d due times up to %s", run.Words(e.Reason), e.Count, when(e.Through))
		case !e.Through.IsZero():
			n.why = fmt.Sprintf("%s: what was due up to %s", run.Words(e.Reason), when(e.Through))
		}
	case run.EventRetrying:
		n.what, n.why = "retrying", "next attempt at "+e.NotBefore.Local().Format(time.TimeOnly)
	case run.EventLost:
		n.what = "lost"
	case run.EventEnded:
		if e.State != run.StateDead && (e.State != run.StateCancelled || e.Outcome != nil) {
			return // the worker's own line has said it
		}
		n.what, n.why = string(e.State), run.Why(e.Reason, e.Outcome)
	case run.EventEnqueued, run.EventRecalling, run.EventDeferred, run.EventLate, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventClaimed, run.EventStarting, run.EventFinished, run.EventReturned, run.EventDropped:
		fallthrough
	default:
		return
	}
	l.write(n)
}

// ran takes the reports of a worker.
func (l *lines) ran(e run.Event, r run.Run) {
	n := line{at: e.At, job: e.Job, run: e.Run, attempt: e.Attempt, member: e.By, due: r.Due, why: e.Reason}
	switch e.Type {
	case run.EventStarting:
		// Announced a little ahead of time; only what is late already counts.
		n.what, n.late = "started", e.At.Sub(r.NotBefore)
		n.timed = n.late > 0
	case run.EventFinished:
		if e.Outcome == nil {
			return
		}
		o := e.Outcome
		n.what, n.why = string(o.State), o.Reason
		if o.StartFailure != "" {
			n.why = run.Ending(o)
		}
		if !o.StartedAt.IsZero() {
			n.late, n.timed = o.StartedAt.Sub(r.NotBefore), true
			n.took, n.exit = o.EndedAt.Sub(o.StartedAt), exit(o)
		}
	case run.EventReturned:
		n.what = "returned"
	case run.EventDropped:
		n.what = "dropped"
	case run.EventEnqueued, run.EventSkipped, run.EventRecalling, run.EventRetrying, run.EventLost, run.EventDeferred, run.EventEnded, run.EventLate, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventClaimed:
		fallthrough
	default:
		return
	}
	l.write(n)
}

func (l *lines) write(n line) {
	if l.quiet {
		return
	}
	if l.json != nil {
		l.writeJSON(n)
		return
	}
	n.job = oneLine(n.job)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.width = min(max(l.width, len([]rune(n.job))), 32)
	text := fmt.Sprintf("%s  %s  %s  %s", n.at.Local().Format(clockLayout), pad(n.what, 9), pad(cut(n.job, l.width), l.width), pad(short(n.run), 8))
	if n.attempt > 0 {
		text += fmt.Sprintf("  #%d", n.attempt)
	}
	text += "  " + n.member
	if n.timed {
		text += "  late " + span(n.late)
	}
	if n.exit != "" {
		text += fmt.Sprintf("  exit %s  took %s", n.exit, span(n.took))
	}
	if n.why != "" {
		text += "  (" + run.Words(n.why) + ")"
	}
	_, _ = fmt.Fprintln(l.s.out, oneLine(text)) // a reader that left must not stop the runs
}

func (l *lines) writeJSON(n line) {
	attrs := []any{"event", n.what, "job", n.job, "run", n.run, "attempt", n.attempt, "member", n.member, "due", n.due.UTC()}
	if n.timed {
		attrs = append(attrs, "late_ms", n.late.Milliseconds())
	}
	if n.exit != "" {
		attrs = append(attrs, "exit", n.exit, "took_ms", n.took.Milliseconds())
	}
	if n.why != "" {
		attrs = append(attrs, "why", n.why)
	}
	l.json.Info("run", attrs...)
}

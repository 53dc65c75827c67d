package main

import (
	"math"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// seconds is a length of time, to a millisecond.
type seconds float64

func secondsOf(d time.Duration) seconds { return seconds(math.Round(d.Seconds()*1000) / 1000) }

func (s seconds) duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// spread is how a set of waits is spread, in seconds.
type spread struct {
	N     int     `json:"n"`
	P50   seconds `json:"p50"`
	P99   seconds `json:"p99"`
	Worst seconds `json:"worst"`
}

func spreadOf(all []time.Duration) spread {
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	at := func(q float64) seconds { return secondsOf(all[int(q*float64(len(all)-1))]) }
	return spread{N: len(all), P50: at(0.5), P99: at(0.99), Worst: at(1)}
}

// window is a stretch of time, its end excluded.
type window struct{ from, until time.Time }

func (w window) holds(t time.Time) bool { return !t.Before(w.from) && t.Before(w.until) }

// stream holds the figures of one kind of runs in a window.
type stream struct {
	Late spread `json:"late"`
	// Skipped counts due times that were not run, Never runs that did not start,
	// Failed commands of people that failed.
	Skipped int `json:"skipped,omitempty"`
	Never   int `json:"never_started,omitempty"`
	Failed  int `json:"failed,omitempty"`

	waits []time.Duration // what Late is of
}

// streamNames are the streams in the order in which they are shown.
func streamNames() []string {
	return []string{"scheduled", "retries", "overlap skip", "overlap queue", "asked for", "edits", "new jobs", "commands"}
}

// history holds the runs, events and deeds of a session.
type history struct {
	trips  []*trip
	events []run.Event
	deeds  []deed
}

func historyOf(s *session, e *check.Evidence) *history {
	return &history{trips: tripsOf(e), events: e.Events, deeds: s.deeds}
}

// streams measures a window. A run belongs to the window in which it was to
// start, a deed to the window in which it was begun.
func (h *history) streams(w window) map[string]stream {
	byTime := func(name string, attempt int) stream {
		return h.runs(w, func(t *trip) bool { return t.of(name) && min(t.attempt, 2) == attempt })
	}
	all := map[string]stream{
		"scheduled": byTime(streamTick, 1), "retries": byTime(streamRetry, 2),
		"overlap skip": byTime(streamSkip, 1), "overlap queue": h.queued(w),
		"asked for": h.people(w, h.askedFor), "edits": h.people(w, h.edited), "new jobs": h.people(w, h.born),
		"commands": h.people(w, func(d *deed) (time.Time, bool) { return d.done, true }),
	}
	for name, prefix := range map[string]string{"scheduled": streamTick, "overlap skip": streamSkip, "overlap queue": streamQueue} {
		s := all[name]
		s.Skipped = h.skipped(w, prefix)
		all[name] = s
	}
	return all
}

func (h *history) runs(w window, mine func(*trip) bool) stream {
	var s stream
	var late []time.Duration
	for _, t := range h.trips {
		switch {
		case !w.holds(t.want) || !mine(t):
		case t.started.IsZero():
			s.Never++
		default:
			late = append(late, t.late())
		}
	}
	s.waits, s.Late = late, spreadOf(late)
	return s
}

// queued measures overlap queue by due times: a run that waited for another is
// to start when that has ended, which is late all the same.
func (h *history) queued(w window) stream {
	var late []time.Duration
	for _, t := range h.trips {
		if w.holds(t.due) && t.of(streamQueue) && t.attempt == 1 && !t.started.IsZero() {
			late = append(late, t.started.Sub(t.due))
		}
	}
	return stream{waits: late, Late: spreadOf(late)}
}

func (h *history) skipped(w window, prefix string) int {
	n := 0
	for i := range h.events {
		ev := &h.events[i]
		if ev.Type == run.EventSkipped && w.holds(ev.Due) && (&trip{job: ev.Job}).of(prefix) {
			n += max(1, ev.Count)
		}
	}
	return n
}

// people measures the time from the beginning of each deed to its effect.
func (h *history) people(w window, effect func(*deed) (time.Time, bool)) stream {
	var s stream
	var took []time.Duration
	for i := range h.deeds {
		d := &h.deeds[i]
		if !w.holds(d.begun) {
			continue
		}
		at, ours := effect(d)
		switch {
		case !ours:
		case d.failed:
			s.Failed++
		case at.IsZero():
			s.Never++
		default:
			took = append(took, at.Sub(d.begun))
		}
	}
	s.waits, s.Late = took, spreadOf(took)
	return s
}

// askedFor is when the run that was asked for started.
func (h *history) askedFor(d *deed) (time.Time, bool) {
	return h.first(func(t *trip) bool { return t.id == d.asked }), d.asked != ""
}

// edited is when the first run started that only the edited schedule names.
func (h *history) edited(d *deed) (time.Time, bool) {
	return h.first(func(t *trip) bool {
		return t.job == streamEdited && t.due.Second()%2 == d.version%2 && t.due.After(d.begun)
	}), d.asked == ""
}

// born is when the first run of the new job started.
func (h *history) born(d *deed) (time.Time, bool) {
	return h.first(func(t *trip) bool { return t.job == newborn(d.version) }), d.asked == ""
}

func (h *history) first(mine func(*trip) bool) time.Time {
	var first time.Time
	for _, t := range h.trips {
		if mine(t) && !t.started.IsZero() && (first.IsZero() || t.started.Before(first)) {
			first = t.started
		}
	}
	return first
}

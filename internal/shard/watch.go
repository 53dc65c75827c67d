package shard

import (
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// Watch is what the notices of a job are decided from, beside its last ends and
// its unfinished runs. A job that nobody is told about has none. Like the rest of
// the state it follows from the events; what was told is written with the notice.
type Watch struct {
	// Since is from when on the job is watched: from its definition, or from the
	// end of a pause.
	Since time.Time `json:"since"`

	// Success is when the job last succeeded, SuccessDue the newest due time that
	// did.
	Success    time.Time `json:"success,omitzero"`
	SuccessDue time.Time `json:"success_due,omitzero"`

	// Failures counts the runs given up since then, Skips the due times passed
	// over because of earlier runs since one was begun, SkipsFrom the first.
	Failures  int       `json:"failures,omitzero"`
	Skips     int       `json:"skips,omitzero"`
	SkipsFrom time.Time `json:"skips_from,omitzero"`

	// Open are the incidents that somebody was told of and that are not over,
	// Held what was held back of late, at most maxHeldBack. NotDone is the latest
	// time of done_by that was told of, NoSuccess the latest by which there was to
	// be a success.
	Open    []Incident `json:"open,omitempty"`
	Held    []HeldBack `json:"held,omitempty"`
	NotDone time.Time  `json:"not_done,omitzero"`

	NoSuccess time.Time `json:"no_success,omitzero"`
}

// Incident lasts from the notice that opens it until the job succeeds.
type Incident struct {
	ID    string    `json:"id"`
	When  job.When  `json:"when"`
	Since time.Time `json:"since"`
	// To are the targets that were told of it.
	To []string `json:"to"`
}

// HeldBack is when a rule of the job's notify last told of an occasion, and how
// often not since.
type HeldBack struct {
	Rule  int       `json:"rule"`
	When  job.When  `json:"when"`
	At    time.Time `json:"at"`
	Count int       `json:"count,omitzero"`
}

// maxHeldBack bounds those remembered: each occasion of each rule has one.
const maxHeldBack = job.MaxNotify * 9

// ended takes the end of a run that is of no backfill.
func (w *Watch) ended(sum Summary) {
	switch sum.State {
	case run.StateSucceeded:
		w.Success, w.SuccessDue = latest(w.Success, sum.EndedAt), latest(w.SuccessDue, sum.Due)
		w.Failures, w.Skips, w.SkipsFrom, w.Open = 0, 0, time.Time{}, nil
	case run.StateDead:
		w.Failures++
	case run.StateQueued, run.StateClaimed, run.StateStarted, run.StateWaiting, run.StateFailed, run.StateTimedOut,
		run.StateCancelled, run.StateLost, run.StateSkipped:
	}
}

// begun takes the begin of a run.
func (w *Watch) begun(trigger run.Trigger) {
	if w != nil && !trigger.Asked() {
		w.Skips, w.SkipsFrom = 0, time.Time{}
	}
}

// passedOver takes an event on due times that are not run.
func (w *Watch) passedOver(ev *run.Event) {
	if w == nil || ev.State != run.StateSkipped || ev.Trigger.Asked() || whySkipped(ev.Reason) != job.WhenSkipped {
		return
	}
	if w.Skips == 0 {
		w.SkipsFrom = ev.Due
	}
	w.Skips += max(ev.Count, 1)
}

// whySkipped is on which occasion somebody is told that a due time was not run
// for that reason, empty if it is as it should be.
func whySkipped(reason string) job.When {
	switch reason {
	case run.ReasonOverlap, run.ReasonQueueFull, run.ReasonReplaced:
		return job.WhenSkipped
	case run.ReasonPaused, run.ReasonEdited, run.ReasonDeleted, run.ReasonCancelled:
		return ""
	}
	if strings.HasPrefix(reason, job.ReasonCalendar) || strings.HasPrefix(reason, job.ReasonBlackout) {
		return ""
	}
	return job.WhenMissed
}

// watched reports whether anybody is told of anything about e.
func (e *entry) watched() bool { return e.def != nil && len(e.def.Notify) > 0 }

// watch begins to watch e, or ends it, as its definition now says. A job that
// was paused is watched anew.
func (s *Shard) watch(e *entry, wasPaused bool, now time.Time) {
	switch {
	case !e.watched():
		if e.st.Watch != nil {
			e.st.Watch = nil
			s.write(e)
		}
	case e.st.Watch == nil:
		e.st.Watch = &Watch{Since: now.UTC()}
		s.write(e)
	case wasPaused && !e.paused():
		e.st.Watch.Since = now.UTC()
		s.write(e)
	}
}

// clone copies what later Steps would change.
func (w *Watch) clone() *Watch {
	if w == nil {
		return nil
	}
	c := *w
	c.Open = append([]Incident(nil), w.Open...)
	c.Held = append([]HeldBack(nil), w.Held...)
	return &c
}

// incident returns the open incident of that kind, nil if there is none.
func (w *Watch) incident(kind job.When) *Incident {
	for i := range w.Open {
		if w.Open[i].When == kind {
			return &w.Open[i]
		}
	}
	return nil
}

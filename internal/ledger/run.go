package ledger

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Run is what the log says of one run.
type Run struct {
	ID      run.ID      `json:"run"`
	Job     string      `json:"job"`
	Cluster string      `json:"cluster,omitempty"`
	Due     time.Time   `json:"due"`
	Trigger run.Trigger `json:"trigger,omitempty"`

	// State is where the run stands, Reason why it stands there, when there
	// is more to say than the last attempt's outcome. Between an attempt's
	// report and the shard's decision, State is that of the attempt and
	// EndedAt is zero.
	State  run.State `json:"state"`
	Reason string    `json:"reason,omitempty"`

	EnqueuedAt time.Time `json:"enqueued_at,omitzero"`
	EndedAt    time.Time `json:"ended_at,omitzero"`

	// NotBefore is when the latest attempt starts, or the next one will.
	NotBefore time.Time `json:"not_before,omitzero"`

	// Version is that of the definition it runs by, empty in the events of
	// earlier releases. EnvNames are the variables that whoever asked for it
	// overrode, Backfill is the backfill it belongs to.
	Version  string   `json:"version,omitempty"`
	EnvNames []string `json:"env_names,omitempty"`
	Backfill string   `json:"backfill,omitempty"`

	// DiscardedAt is when somebody said that the run, which was given up, will
	// not be run again.
	DiscardedAt time.Time `json:"discarded_at,omitzero"`

	// Hops counts how often the run was given back and placed anew.
	Hops int `json:"hops,omitzero"`

	Attempts []Attempt `json:"attempts"`

	// Notes are the turns on its way, in the order of the log, at most
	// MaxNotes of them; NotesCut counts those left out.
	Notes    []Note `json:"notes,omitempty"`
	NotesCut int    `json:"notes_cut,omitzero"`

	// Fence is that of the latest handing-out: reports of older ones are out
	// of date. It is in no answer, and a run is put back with it.
	Fence int64 `json:"-"`
}

// Attempt is one try of a run.
type Attempt struct {
	Number int       `json:"attempt"`
	Fence  int64     `json:"fence"`
	State  run.State `json:"state"`
	Worker string    `json:"worker,omitempty"`

	EnqueuedAt time.Time `json:"enqueued_at,omitzero"`
	NotBefore  time.Time `json:"not_before,omitzero"`
	ClaimedAt  time.Time `json:"claimed_at,omitzero"`

	// StartedAt is when the worker announced the start, until the outcome
	// tells when the command really started.
	StartedAt time.Time    `json:"started_at,omitzero"`
	Outcome   *run.Outcome `json:"outcome,omitempty"`
}

// Note is a turn on a run's way that changed its hands or its fate.
type Note struct {
	At      time.Time     `json:"at"`
	Type    run.EventType `json:"type"`
	Attempt int           `json:"attempt,omitzero"`
	By      string        `json:"by,omitempty"`
	Reason  string        `json:"reason,omitempty"`
}

// Skip is a range of due times that were not run, and why: Count of them,
// from Due through Through. Zero Count means that nobody knows how many. One
// skipped alone has a name, and so is a Run.
type Skip struct {
	Job     string    `json:"job"`
	Due     time.Time `json:"due"`
	Through time.Time `json:"through"`
	Count   int       `json:"count,omitzero"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`
}

// MaxNotes bounds the notes kept of one run.
const MaxNotes = 100

// Ended reports whether the shard has decided that nothing more becomes of
// the run.
func (r *Run) Ended() bool { return !r.EndedAt.IsZero() }

// Last returns the latest attempt, and false when none was enqueued.
func (r *Run) Last() (Attempt, bool) {
	if len(r.Attempts) == 0 {
		return Attempt{}, false
	}
	return r.Attempts[len(r.Attempts)-1], true
}

// Lateness returns how long after its time the attempt started, and false
// when it has not started or its time is unknown. Starts are announced a
// little ahead of time; until the outcome tells better, such a start counts
// as one in time.
func (a Attempt) Lateness() (time.Duration, bool) {
	if a.StartedAt.IsZero() || a.NotBefore.IsZero() || a.Outcome != nil && a.Outcome.StartFailure != "" {
		return 0, false
	}
	late := a.StartedAt.Sub(a.NotBefore)
	if a.Outcome == nil || a.Outcome.StartedAt.IsZero() { // announced a little ahead
		late = max(late, 0)
	}
	return late, true
}

// clone returns a copy that later events do not change.
func (r *Run) clone() Run {
	c := *r
	c.Attempts = slices.Clone(r.Attempts)
	c.Notes = slices.Clone(r.Notes)
	return c
}

// attempt returns the attempt of that number, made if it is new. Numbers
// grow in the log; one that was trimmed away leaves no gap behind.
func (r *Run) attempt(number int) *Attempt {
	for i := range r.Attempts {
		if r.Attempts[i].Number == number {
			return &r.Attempts[i]
		}
	}
	r.Attempts = append(r.Attempts, Attempt{Number: number})
	return &r.Attempts[len(r.Attempts)-1]
}

func (r *Run) note(e *run.Event) {
	if len(r.Notes) >= MaxNotes {
		r.NotesCut++
		return
	}
	r.Notes = append(r.Notes, Note{At: e.At, Type: e.Type, Attempt: e.Attempt, By: e.By, Reason: e.Reason})
}

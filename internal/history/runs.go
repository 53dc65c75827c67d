package history

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

// RunFilter says which runs are wanted. Zero fields let all in.
type RunFilter struct {
	Job, Cluster string
	Worker       string            // of the last attempt
	Labels       map[string]string // all of them, of the job as it is now
	States       []run.State
	Trigger      run.Trigger
	ExitCode     *int      // of the last attempt
	From, To     time.Time // due at From or later, and before To; microseconds count
	Text         string    // in what is kept of the output, in either case of letters
	// WithSkips also lets due times in that were skipped together, where no
	// worker, trigger, exit code or text is asked for. Their state is skipped.
	WithSkips bool
	After     string // the Next of the page before
	Limit     int    // at most 500; 100 if zero
}

// RunRow is a run, or several due times that were skipped: then Skip is set,
// and of the other fields Job, Due, State and Reason.
type RunRow struct {
	ID      run.ID      `json:"run,omitempty"`
	Job     string      `json:"job"`
	Cluster string      `json:"cluster,omitempty"`
	Due     time.Time   `json:"due"`
	Trigger run.Trigger `json:"trigger,omitempty"`
	State   run.State   `json:"state"`
	Reason  string      `json:"reason,omitempty"`

	NotBefore time.Time `json:"not_before,omitzero"`
	// StartedAt, EndedAt and what follows are of the last attempt, except that
	// EndedAt is the run's if its last attempt has none.
	StartedAt time.Time     `json:"started_at,omitzero"`
	EndedAt   time.Time     `json:"ended_at,omitzero"`
	Duration  time.Duration `json:"duration_ms,omitzero"`
	Lateness  time.Duration `json:"lateness_ms,omitzero"`
	Attempts  int           `json:"attempts,omitzero"`
	ExitCode  *int          `json:"exit_code,omitempty"`
	Worker    string        `json:"worker,omitempty"`
	// Version is that of the definition in force when the last attempt was
	// enqueued; empty if it is not known.
	Version string `json:"version,omitempty"`

	Skip *ledger.Skip `json:"skip,omitempty"`
}

// RunPage is a page of runs, newest due time first. Next is empty on the last
// one. A page may hold fewer than were asked for, or none, and have a Next all
// the same: the filter was held against so many runs, and Until is how far back.
type RunPage struct {
	Runs  []RunRow  `json:"runs"`
	Next  string    `json:"next,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Runs returns the runs that the filter names, newest due time first. A cursor
// that is none is a CursorError.
func (d *DB) Runs(ctx context.Context, f RunFilter) (RunPage, error) {
	return RunPage{}, errNotBuilt
}

// Tail is the end of what a run wrote, over all attempts.
type Tail struct {
	// Chunks are in the order of the attempts, at most TailBytes in all.
	Chunks []run.Output `json:"chunks"`
	// Before is how many bytes stood before them.
	Before int64 `json:"before,omitzero"`
}

// TailBytes bounds what is kept of a run's output.
const TailBytes = 64 << 10

// RunDetail is all that is known of a run.
type RunDetail struct {
	Row RunRow     `json:"row"`
	Run ledger.Run `json:"ledger"`
	// Definition is the one it ran by, nil if it is not known.
	Definition *Definition `json:"definition,omitempty"`
	// Tail is empty of a success that is not among the last 20 of its job.
	Tail Tail `json:"tail"`
}

// Run returns the run whose ID begins so, in either case of letters: or a
// NoRunError or an AmbiguousError. The outcome of a success has no Tail.
func (d *DB) Run(ctx context.Context, idOrPrefix string) (RunDetail, error) {
	return RunDetail{}, errNotBuilt
}

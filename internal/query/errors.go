package query

import (
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// NoJobError says that no job of that name is in force. Since is zero, or how
// far back the ledger knows of none either.
type NoJobError struct {
	Job   string
	Since time.Time
}

// Error is for the error interface.
func (e *NoJobError) Error() string { return fmt.Sprintf("there is no job %q", e.Job) }

// NoRunError says that no run has an ID that begins so.
type NoRunError struct{ Prefix string }

// Error is for the error interface.
func (e *NoRunError) Error() string { return fmt.Sprintf("there is no run %q", e.Prefix) }

// MaxMatches is how many of the runs that begin alike are named.
const MaxMatches = 10

// AmbiguousError says that Count runs have an ID that begins so: of those, the
// first MaxMatches by ID.
type AmbiguousError struct {
	Prefix string
	Count  int
	Runs   []Found
}

// Error is for the error interface.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%d runs begin with %q", e.Count, e.Prefix)
}

// RequeuedError says that a dead run was requeued before.
type RequeuedError struct{ Run run.ID }

// Error is for the error interface.
func (e *RequeuedError) Error() string { return fmt.Sprintf("run %s was requeued before", e.Run) }

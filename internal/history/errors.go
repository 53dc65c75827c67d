package history

import (
	"fmt"

	"github.com/belfry-cron/belfry/internal/run"
)

// NoJobError says that no job of that name is in force.
type NoJobError struct{ Job string }

// Error is for the error interface.
func (e *NoJobError) Error() string { return fmt.Sprintf("there is no job %q", e.Job) }

// NoRunError says that no run has an ID that begins so.
type NoRunError struct{ Prefix string }

// Error is for the error interface.
func (e *NoRunError) Error() string { return fmt.Sprintf("there is no run %q", e.Prefix) }

// MaxMatches is how many of the runs that begin alike are named.
const MaxMatches = 10

// AmbiguousError says that several runs have an ID that begins so: of those, the
// first MaxMatches by ID.
type AmbiguousError struct {
	Prefix string
	Runs   []run.ID
}

// Error is for the error interface.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%d runs or more begin with %q", len(e.Runs), e.Prefix)
}

// CursorError says that a cursor was not made by the question it was given to.
type CursorError struct{ Cursor string }

// Error is for the error interface.
func (e *CursorError) Error() string {
	return fmt.Sprintf("%.60q is no cursor of this list: begin without one", e.Cursor)
}

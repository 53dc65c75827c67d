package history

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// DeadFilter says which dead letters are wanted. Zero fields let all in.
type DeadFilter struct {
	Job     string
	Cluster string
	Reason  string
	Since   time.Time
	// Waiting leaves out those that were requeued or discarded.
	Waiting bool
	After   string
	Limit   int // at most 500; 100 if zero
}

// DeadLetter is a run that was given up, or a record that could not be read.
type DeadLetter struct {
	run.DeadLetter
	ID      string `json:"id"`                // of the letter: its place in the log, the same on every server
	Job     string `json:"job,omitempty"`     // empty of a record
	Cluster string `json:"cluster,omitempty"` // empty of a record of none
	// Requeued says that somebody asked for the run again since.
	Requeued bool `json:"requeued"`
	// Discarded says that somebody put it away.
	Discarded bool `json:"discarded"`
}

// DeadPage is a page of dead letters, newest first. Total is how many the
// filter lets in, counted up to 10,000.
type DeadPage struct {
	Letters []DeadLetter `json:"letters"`
	Next    string       `json:"next,omitempty"`
	Total   int          `json:"total"`
}

// DeadLetters returns the dead letters that the filter names, newest first. What
// several members wrote of one record is one.
func (d *DB) DeadLetters(ctx context.Context, f DeadFilter) (DeadPage, error) {
	return DeadPage{}, errNotBuilt
}

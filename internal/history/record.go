package history

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// Record is a committed record of one of Belfry's topics.
type Record struct {
	Topic      string
	Partition  int32
	Offset     int64
	At         time.Time // the record's own, by its writer's clock
	Key, Value []byte    // a nil value is a tombstone
	// Marker says that nothing stands here but the end of a transaction: only
	// the offset moves on.
	Marker bool
}

// Kind is what a change is about.
type Kind string

// The kinds of changes.
const (
	KindRun    Kind = "run"    // Row is set: the run, or a skip, as it stands now
	KindJob    Kind = "job"    // its definition, its pause, or its being set aside
	KindDead   Kind = "dead"   // Dead is set
	KindMember Kind = "member" // Beat is set
	KindAudit  Kind = "audit"  // Entry is set
	KindNotice Kind = "notice" // Entry is set
	KindOutput Kind = "output" // Output is set
)

// Change is what a record changed, told once per batch and run. Topic,
// Partition and Offset are the place of the last record that it comes from.
type Change struct {
	Kind      Kind   `json:"kind"`
	Topic     string `json:"-"`
	Partition int32  `json:"-"`
	Offset    int64  `json:"-"`

	Job     string `json:"job,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	Run     run.ID `json:"run,omitempty"`

	Row    *RunRow      `json:"row,omitempty"`
	Dead   *DeadLetter  `json:"dead,omitempty"`
	Beat   *member.Beat `json:"beat,omitempty"`
	Entry  *Entry       `json:"entry,omitempty"`
	Output *run.Output  `json:"output,omitempty"`
}

// Folded is what a batch brought.
type Folded struct {
	Records    int // those that were not folded before
	Unreadable int // of those
	Changes    []Change
}

// Fold takes in the next records of each partition, in its order; those that
// were folded before change nothing. All of it is one transaction with the
// offsets: after an error nothing of it was taken in. A batch is best some
// thousand records long.
func (d *DB) Fold(ctx context.Context, records []Record) (Folded, error) {
	return Folded{}, errNotBuilt
}

// Offsets returns the offset to go on from, for each partition of each topic
// that anything was folded of.
func (d *DB) Offsets(ctx context.Context) (map[string]map[int32]int64, error) {
	return nil, errNotBuilt
}

// Prune removes what is beyond the bounds at now, in a step of some
// milliseconds, and reports whether there is more to do.
func (d *DB) Prune(ctx context.Context, now time.Time) (more bool, err error) {
	return false, errNotBuilt
}

// Unreadable is a record that could not be read.
type Unreadable struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	At        time.Time `json:"at"`
	Why       string    `json:"why"`
}

// UnreadablePage is how many records could not be read, and the latest of them,
// newest first, at most 100.
type UnreadablePage struct {
	Count  int64        `json:"count"`
	Latest []Unreadable `json:"latest"`
}

// Unreadable returns the records that could not be read.
func (d *DB) Unreadable(ctx context.Context) (UnreadablePage, error) {
	return UnreadablePage{}, errNotBuilt
}

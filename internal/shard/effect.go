package shard

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Effects are what one Step decided: one transaction.
type Effects struct {
	Enqueue []Enqueue
	Events  []run.Event
	Control []run.Control
	Dead    []Dead
	Notices []run.Notice
	// States are to be written under their job's name, Forget lists the job
	// names whose state is to be deleted.
	States []JobState
	Forget []string
	// Succeeded are the reports of success that were taken. The log holds them,
	// so that nothing is written for them.
	Succeeded []run.Event
	// Checkpoint says that ReplayFrom has moved: from now on a new owner reads
	// the events from there.
	Checkpoint bool
}

// Enqueue puts a run on a queue of its cluster. Partition is the one chosen
// by placement, or AnyPartition.
type Enqueue struct {
	Run       run.Run
	Queue     run.Queue
	Partition int32
	// Refused is set by the shell when the run cannot be enqueued, and why; the
	// shard is then told that it was dropped.
	Refused string
}

// AnyPartition leaves the partition to the hash of the run ID.
const AnyPartition int32 = -1

// Dead is a dead letter of a cluster, or of none.
type Dead struct {
	Cluster string
	Letter  run.DeadLetter
}

// Empty reports whether there is nothing to commit.
func (f *Effects) Empty() bool {
	return len(f.Enqueue)+len(f.Events)+len(f.Control)+len(f.Dead)+len(f.Notices)+len(f.States)+len(f.Forget) == 0 && !f.Checkpoint
}

// Positioned reports whether the events among the effects say all there is to
// say about how far the events were read: if not, a shard record must.
func (f *Effects) Positioned() bool {
	return len(f.Events) > 0 && len(f.Control)+len(f.Dead)+len(f.Notices) == 0 && !f.Checkpoint
}

// Records counts the records the effects will become.
func (f *Effects) Records() int {
	return len(f.Enqueue) + len(f.Events) + len(f.Control) + len(f.Dead) + len(f.Notices) + len(f.States) + len(f.Forget)
}

// event adds to the ledger.
func (s *Shard) event(e run.Event, now time.Time) {
	e.At = now.UTC()
	e.By = s.cfg.By
	e.Step, e.Read = s.step, s.read
	s.out.Events = append(s.out.Events, e)
}

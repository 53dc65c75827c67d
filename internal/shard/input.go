package shard

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// Input is something a shard is told.
type Input interface{ input() }

// JobChanged is a record of the jobs topic; a nil Job is a tombstone. It is
// Replayed when an earlier owner of the shard has already acted on it: then it
// only says what the definition is, and what followed from it is in the state.
type JobChanged struct {
	Name      string
	Job       *job.Job
	AppliedAt time.Time
	Replayed  bool
}

// JobsLoaded says that the jobs topic was read to its end at take-over: jobs
// in the state without a definition were deleted meanwhile. Nothing is decided
// before it.
type JobsLoaded struct{}

// Requested is a record of the commands topic.
type Requested struct{ Request run.Request }

// Reported is a worker's record of the events topic and its offset there.
// Events that shards wrote are ignored.
type Reported struct {
	Event  run.Event
	Offset int64
}

// EventsRead says that every record of the events topic below Next was given.
type EventsRead struct{ Next int64 }

// Refused says that an Enqueue of the last Step was committed without its run,
// and why.
type Refused struct {
	Run    run.Run
	Reason string
}

// SetAside says that nothing is to be decided for a job, and why.
type SetAside struct{ Job, Reason string }

// ClusterClosed says that no run can be put on the queues of a cluster, and
// why; without a reason that it can again.
type ClusterClosed struct{ Cluster, Reason string }

// Beats is what the log of beats says of all workers. The shell gives it only
// once all events before the high watermark of that moment were given, so
// that no report of a worker said to be gone can still be on its way.
//
// Asked and Now are readings of the shell's monotonic clock: from when the
// beats and that high watermark are, and when they are given.
type Beats struct {
	Workers []member.Member
	// Deaf says that there was a lane of beats in which more may stand.
	Deaf       bool
	Asked, Now time.Duration
}

// Unreadable is a record that could not be decoded. Job is the job it would
// have defined, if it stood in the jobs topic.
type Unreadable struct {
	Letter   run.DeadLetter
	Job      string
	Replayed bool
}

func (JobChanged) input()    {}
func (JobsLoaded) input()    {}
func (Requested) input()     {}
func (Reported) input()      {}
func (EventsRead) input()    {}
func (Refused) input()       {}
func (SetAside) input()      {}
func (ClusterClosed) input() {}
func (Beats) input()         {}
func (Unreadable) input()    {}

package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Input is one thing that happened: one of the types below.
type Input interface{ input() }

type (
	// Claimed: the transaction of this Claim was committed.
	Claimed struct {
		Queue  run.Queue
		Number int64
	}

	// Unclaimed: it was aborted, or its end is unknown. Runs that Decide said
	// to claim are not ours. Both must be told before the queue's next Decide.
	Unclaimed struct {
		Queue  run.Queue
		Number int64
	}

	// StartingAcked: the run's `starting` event is in the log.
	StartingAcked struct{ Key run.Key }

	// StartingFailed: it may be, but nobody said so.
	StartingFailed struct{ Key run.Key }

	// Refused: the shell's last look at the beats, right before executing,
	// forbade it. The command was not started.
	Refused struct{ Key run.Key }

	// Exited: the attempt ended. An Outcome of state cancelled is taken to
	// be our own doing, if Kill was asked for.
	Exited struct {
		Key     run.Key
		Outcome run.Outcome
	}

	// Settled: the event of the run's SendFinished, SendReturned or
	// SendDropped is in the log.
	Settled struct{ Key run.Key }

	// Controlled: a record of the control topic.
	Controlled struct{ Control run.Control }

	// BeatAcked: the beat of that Number, sent at Sent by the monotonic clock, is
	// in a lane of the log.
	BeatAcked struct {
		Lane   int
		Number int64
		Sent   time.Duration
	}

	// ControlRead: all that stood in the control topic when its end was looked
	// up at Asked, by the monotonic clock, was given as Controlled.
	ControlRead struct{ Asked time.Duration }

	// Drain: claim nothing more, give back what was not executed.
	Drain struct{}

	// DrainExpired: end what still runs.
	DrainExpired struct{}

	// Replaced: another process beats under this worker's name, and shards
	// take for lost whatever this one holds.
	Replaced struct{}

	// Tick: nothing but time has passed.
	Tick struct{}
)

func (Claimed) input()        {}
func (Unclaimed) input()      {}
func (StartingAcked) input()  {}
func (StartingFailed) input() {}
func (Refused) input()        {}
func (Exited) input()         {}
func (Settled) input()        {}
func (Controlled) input()     {}
func (BeatAcked) input()      {}
func (ControlRead) input()    {}
func (Drain) input()          {}
func (DrainExpired) input()   {}
func (Replaced) input()       {}
func (Tick) input()           {}

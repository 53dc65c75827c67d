package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Input is one thing that happened: one of the types below.
type Input interface{ input() }

type (
	// Claimed: the transaction that claimed these runs was committed.
	Claimed struct{ Keys []run.Key }

	// Unclaimed: the transaction was aborted, or its end is unknown. Runs
	// that Decide said to claim are not ours.
	Unclaimed struct{ Keys []run.Key }

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

	// BeatAcked: the beat sent at Sent, by the monotonic clock, is in the
	// log.
	BeatAcked struct{ Sent time.Duration }

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
func (Drain) input()          {}
func (DrainExpired) input()   {}
func (Replaced) input()       {}
func (Tick) input()           {}

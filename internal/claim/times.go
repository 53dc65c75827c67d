package claim

import "time"

// The times a worker keeps to. They lean on member's rhythm, and a shard leans
// on them: package worker's TestOrderOfTimes says which must be shorter than
// which, and why.
const (
	// StartAhead is how long before its due time a run takes its slot and
	// sends `starting` at the most, and until enough of those were
	// acknowledged to know how long that takes here; LeastAhead is the least.
	StartAhead = 200 * time.Millisecond
	LeastAhead = 10 * time.Millisecond
	// StartingRetry is the pause before a `starting` that failed is sent
	// again.
	StartingRetry = 250 * time.Millisecond
	// InTouch is how old the sending of the last acknowledged beat may be
	// for a run to be started.
	InTouch = 2500 * time.Millisecond
	// ControlFresh is how long ago the end of the control topic may have been
	// looked up, up to which it was read, for a run to be started. A shard that
	// has recalled a run waits longer, and then nobody can start it who has not
	// claimed it.
	ControlFresh = 2500 * time.Millisecond
	// ControlEvery is how often that end is looked up.
	ControlEvery = 500 * time.Millisecond
	// ExecSoon is how long after it was decided a run may be executed: a
	// process that stood still for longer decides anew.
	ExecSoon = time.Second
	// OutOfTouch is when unstarted runs are given back: up to here no shard
	// can have counted the 5 s after which it places them anew.
	OutOfTouch = 4 * time.Second
	// ClaimStuck is after how long the partitions of a claimer that cannot
	// claim are left out of beats.
	ClaimStuck = 5 * time.Second
	// LostContact is when the runs that will be started again elsewhere are
	// killed here: those that heed no signal are gone, too, before a shard has
	// counted 30 s.
	LostContact = 15 * time.Second
	// ConfirmAfter is how old a run may be when it is polled to be started
	// without asking its shard: an older one may have ended long ago.
	ConfirmAfter = time.Minute
	// ConfirmWait is when a run that its shard has not confirmed is returned.
	ConfirmWait = 20 * time.Second
	// NoSlotWait is how long a due run waits for a slot before it is given
	// to a worker that has one.
	NoSlotWait = 250 * time.Millisecond
	// MaxHops is how often a run is handed on without more ado; then it waits
	// longer from time to time, up to LongestNoSlotWait, so that it cannot
	// circle where word of free slots is always late, nor stay for ever.
	MaxHops = 5
	// LongestNoSlotWait bounds the wait of a run that was handed on often.
	LongestNoSlotWait = 8 * time.Second

	// recheck bounds Wake while runs wait, so that a jump of the wall clock,
	// which no timer follows, is noticed.
	recheck = time.Second
)

// The bounds of what a worker holds.
const (
	// MaxSlots bounds the slots of a queue: a beat names what they run.
	MaxSlots = 10_000
	// DefaultAhead is how many runs of a queue are held without a slot at most,
	// half of them ahead of their due times: a thousand a second, half a minute
	// ahead. DefaultAheadBytes bounds the length of their records likewise.
	DefaultAhead      = 64_000
	DefaultAheadBytes = 128 << 20
	// pollMost bounds the runs of one claim.
	pollMost = 1000
	// maxRows bounds the rows of numbers in a beat.
	maxRows = 8000
	// leastUnconfirmed is how many runs of a queue may wait for their shard's
	// word where there are few slots; else it is twice as many as slots.
	leastUnconfirmed = 100
)

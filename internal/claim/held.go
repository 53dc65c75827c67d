package claim

import (
	"math"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// stage is how far a run has come here. It is a number because every step
// looks at that of every run held.
type stage uint8

// The stages, in the order they are passed. From starting through running a
// run takes a slot.
const (
	claiming stage = iota // in a claim transaction that has not ended
	waiting               // for its due time, or for a slot
	starting              // `starting` was sent
	ready                 // `starting` is in the log
	running               // handed to the executor
	settling              // its last event is on its way to the log
)

// held is one run between Decide and Settled.
type held struct {
	run   run.Run
	queue run.Queue
	stage stage
	// number is that of its claim, size that of its record in bytes.
	number int64
	size   int
	// next is the same run under another fence.
	next *held

	// at is when it is due by the monotonic clock if the wall clock is right,
	// and place where it stands among the far ones; -1 if it is near.
	at    time.Duration
	place int32

	// polledAt is when the run reached us and wallAt the wall clock then; hold
	// is for how long it may wait from there. claimedAt is when it became ours.
	polledAt, claimedAt time.Duration
	wallAt              time.Time
	hold                time.Duration

	// announced: `starting` was sent at least once, so a recall is too late;
	// sentAt is when it was sent last, retryAt when to send it again, if retry
	// is set.
	announced       bool
	sentAt, retryAt time.Duration
	retry           bool

	// unconfirmed: it waits for its shard's word that it still counts.
	unconfirmed bool

	// stale: the worker was silent for so long that a shard may have placed
	// the run anew.
	stale bool

	// killState and killReason are what becomes of it once it was killed.
	killState  run.State
	killReason string
}

// due returns how long to wait for the run's due time, negative once it has
// passed: by the wall clock, or as soon as it was held for long enough.
func (h *held) due(now Now) time.Duration {
	return min(h.run.NotBefore.Sub(now.Wall), h.hold-(now.Mono-h.polledAt))
}

// longestHold is how long the scheduler that staged r meant it to be held at
// most.
func longestHold(r *run.Run) time.Duration {
	if r.StagedAt.IsZero() {
		return math.MaxInt64
	}
	return max(0, r.NotBefore.Sub(r.StagedAt))
}

// inWindow reports whether the run is about to take a slot.
func (h *held) inWindow(now Now) bool { return h.due(now) <= StartAhead }

// waited returns how long the run has been ours and due.
func (h *held) waited(now Now) time.Duration {
	return min(-h.due(now), now.Mono-h.claimedAt)
}

// patience is how long the run waits for a slot here before it is handed on:
// NoSlotWait, doubled with each hop from MaxHops on.
func (h *held) patience() time.Duration {
	patience := NoSlotWait
	for hops := MaxHops; hops <= h.run.Hops && patience < LongestNoSlotWait; hops++ {
		patience *= 2
	}
	return patience
}

// untilDeadline returns how long the run may still be started, and false if
// there is no end to that. The deadline has passed when the wall clock says
// so both as it is and as it would be had it not jumped since the claim.
func (h *held) untilDeadline(now Now) (time.Duration, bool) {
	if h.run.Deadline.IsZero() {
		return 0, false
	}
	steady := h.wallAt.Add(now.Mono - h.polledAt)
	return max(h.run.Deadline.Sub(now.Wall), h.run.Deadline.Sub(steady)), true
}

// unexecuted reports whether the run is ours and was not handed to the
// executor.
func (h *held) unexecuted() bool {
	return h.stage == waiting || h.stage == starting || h.stage == ready
}

// takesSlot reports whether the run occupies a slot, or was announced for one
// that is about to come free.
func (h *held) takesSlot() bool {
	return h.stage == starting || h.stage == ready || h.stage == running
}

// queue is one of the two queues: its slots and the runs held from it.
type queue struct {
	name  run.Queue
	slots int

	// near holds, by due time, those that time may change, which are due soon,
	// late, announced or executing, or wait for their shard's word. far holds the
	// others: they wait, and only an input can change that. A run of which the
	// last word was said is in neither.
	near []*held
	far  far
	// settled says that near holds runs it should not hold any more.
	settled bool
	// bytes is how long the records are of the runs without a slot.
	bytes int

	// early says that no run of the last poll was due.
	early bool

	// claimTook is what claims take, lately and on the average, from the poll
	// to the end of the transaction.
	claimTook time.Duration

	// ackTook is what `starting` takes to be acknowledged, likewise; acks say
	// when to send it.
	ackTook time.Duration
	acks    acks

	// open is the claim in progress. cameRound is when the worker last was
	// able to claim, failed when a claim failed, unless one succeeded since.
	open              open
	cameRound, failed mark

	// exits are the instants of the last second at which runs ended.
	exits []time.Duration

	// others is how many slots other workers had free, as of toldAt.
	others int
	told   bool
	toldAt time.Duration

	// reported is what recent beats said of our own free slots.
	reported []report
}

// report is what one beat said.
type report struct {
	at   time.Duration
	free int
}

// tally counts the runs of a queue.
type tally struct {
	// taken have a slot, or were announced for one that is about to come free;
	// executing are those of them whose commands run.
	taken, executing int
	// unstarted have no slot; unconfirmed are those of them that wait for
	// their shard's word, due those that wait for nothing but a slot.
	unstarted, unconfirmed, due int
}

func (q *queue) tally(now Now) tally {
	t := tally{unstarted: len(q.far.runs)}
	for _, h := range q.near {
		switch {
		case h.takesSlot():
			t.taken++
			if h.stage == running {
				t.executing++
			}
		case h.stage == settling:
		default:
			t.unstarted++
			if h.unconfirmed {
				t.unconfirmed++
			} else if h.stage == waiting && h.inWindow(now) {
				t.due++
			}
		}
	}
	return t
}

// dueWithin returns how many runs without a slot come due until then.
func (q *queue) dueWithin(d time.Duration, now Now) int {
	n := 0
	for _, h := range q.far.runs {
		if h.due(now) <= d {
			n++
		}
	}
	for _, h := range q.near {
		if (h.stage == waiting || h.stage == claiming) && !h.unconfirmed && h.due(now) <= d {
			n++
		}
	}
	return n
}

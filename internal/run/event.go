package run

import "time"

// EventType says what an event reports.
type EventType string

// Events written by the owner of a shard. Together they are the ledger:
// every due time is named by an enqueued or a skipped event.
const (
	// EventEnqueued: an attempt was put on a queue.
	EventEnqueued EventType = "enqueued"
	// EventSkipped: due times that are not run, and why. One event covers
	// Count due times from Due through Through when there were several.
	EventSkipped EventType = "skipped"
	// EventRecalling: a staged run was asked back, and why.
	EventRecalling EventType = "recalling"
	// EventRetrying: the attempt failed; the next may start at NotBefore.
	EventRetrying EventType = "retrying"
	// EventLost: the worker that held the run is gone. The run is placed
	// anew if it had not started, else it goes as its job's on_lost says.
	EventLost EventType = "lost"
	// EventDeferred: the due time waits for the job's earlier run to end, or
	// for a worker of its cluster.
	EventDeferred EventType = "deferred"
	// EventWithdrawn: the run was taken off its queue; nobody can start it any
	// more as it was handed out.
	EventWithdrawn EventType = "withdrawn"
	// EventEnded: the run is in its final State. A success is final by the
	// worker's finished, and has no event of the shard's (see Event.Final).
	EventEnded EventType = "ended"
	// EventLate: a report arrived for an attempt that was already decided.
	EventLate EventType = "late_report"
	// EventDiscarded: somebody said that a run given up will not be run again.
	EventDiscarded EventType = "discarded"
	// EventBackfill: a backfill began, was paused, resumed or cancelled, or is
	// done; Progress says which.
	EventBackfill EventType = "backfill"
)

// Events written by workers: they report, the shard decides.
const (
	// EventClaimed: the worker holds the run (same transaction as the offset).
	EventClaimed EventType = "claimed"
	// EventStarting: acknowledged before the command is started.
	EventStarting EventType = "starting"
	// EventFinished: the attempt ended, with its Outcome.
	EventFinished EventType = "finished"
	// EventReturned: the worker gives the unstarted run back, to be placed
	// anew.
	EventReturned EventType = "returned"
	// EventDropped: the worker will not start the run, since it was recalled
	// or its start deadline has passed.
	EventDropped EventType = "dropped"
)

// FromWorker reports whether events of type t are a worker's reports.
func (t EventType) FromWorker() bool {
	switch t {
	case EventClaimed, EventStarting, EventFinished, EventReturned, EventDropped:
		return true
	case EventEnqueued, EventSkipped, EventRecalling, EventRetrying, EventLost, EventEnded,
		EventLate, EventDeferred, EventWithdrawn, EventDiscarded, EventBackfill:
		return false
	}
	return false
}

// Reasons for skipped, recalling, returned, dropped, lost and ended events.
const (
	ReasonOverlap       = "overlap"        // an earlier run was unfinished
	ReasonQueueFull     = "queue_full"     // as many runs of the job wait as may
	ReasonReplaced      = "replaced"       // a newer due time took its place
	ReasonPaused        = "paused"         // the job was paused
	ReasonMissed        = "missed"         // older than the catch-up policy covers
	ReasonEdited        = "edited"         // the job was changed
	ReasonDeleted       = "deleted"        // the job was deleted
	ReasonCancelled     = "cancelled"      // somebody cancelled the run
	ReasonStartDeadline = "start_deadline" // it could not start in time
	ReasonNoSlot        = "no_slot"        // waited past due while others are free
	ReasonDraining      = "draining"       // the worker is leaving
	ReasonOutOfTouch    = "out_of_touch"   // the worker could not beat in time
	ReasonUnconfirmed   = "unconfirmed"    // nobody said in time that it still counts
	ReasonNameTaken     = "name_taken"     // another process took the worker's name
	ReasonWorkerLost    = "worker_lost"    // the worker's beats stopped
	ReasonKeeperLost    = "keeper_lost"    // the worker's keeper died, and the command with it
	ReasonNotHeld       = "not_held"       // the worker lives but does not hold it
	ReasonOversized     = "oversized"      // the record does not fit Kafka's limit
	ReasonNoQueue       = "no_queue"       // its cluster has no topics
	ReasonNoWorker      = "no_worker"      // no worker of its cluster lives
	ReasonUnclaimed     = "unclaimed"      // nobody took it off its queue in time
	ReasonAnnounced     = "announced"      // the worker was lost before or right after the start
	ReasonNotAuthorized = "not_authorized" // its cluster's topics may not be written
	// ReasonUnreadableState: the state of the job was written by a later
	// release, or is damaged.
	ReasonUnreadableState = "unreadable_state"
	ReasonAttemptsUsed    = "attempts_used"   // no attempt is left
	ReasonUnknownJob      = "unknown_job"     // the request names no job
	ReasonInvalidJob      = "invalid_job"     // the job's definition does not compile
	ReasonOwnFull         = "own_full"        // too much is held for runs of the job with an environment or definition of their own
	ReasonBackfillsFull   = "backfills_full"  // as many backfills of the job are under way as may
	ReasonInvalidRequest  = "invalid_request" // the request does not say what it must
)

// HeldBack reports whether a deferred event of that reason speaks of a run that
// can be put on no queue for now, rather than of one that waits for another.
func HeldBack(reason string) bool {
	return reason == ReasonNoWorker || reason == ReasonNotAuthorized
}

// Event is one record in the events topic, keyed by job name. Which fields
// are set depends on the type; docs/protocol.md has the table.
type Event struct {
	V       int       `json:"v"`
	Type    EventType `json:"type"`
	Job     string    `json:"job"`
	Run     ID        `json:"run,omitempty"`
	Cluster string    `json:"cluster,omitempty"`
	Due     time.Time `json:"due,omitzero"`
	Attempt int       `json:"attempt,omitzero"`
	Fence   int64     `json:"fence,omitzero"`
	At      time.Time `json:"at"`

	// By is the member that wrote the event, Incarnation which life of it.
	By          string `json:"by,omitempty"`
	Incarnation int64  `json:"incarnation,omitzero"`

	// Beat, on claimed, is the number of the worker's latest beat: beats
	// numbered Beat+3 and above must hold the run until it is given up.
	Beat int64 `json:"beat,omitzero"`

	// Claim, on claimed, is the number of the claim in the worker's life, by
	// which its beats list the run. Workers that list keys give none.
	Claim int64 `json:"claim,omitzero"`

	// Confirm, on claimed, asks the shard whether the run still counts: it is
	// old, and starts only after a confirm.
	Confirm bool `json:"confirm,omitzero"`

	Trigger   Trigger   `json:"trigger,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	Hops      int       `json:"hops,omitzero"`
	Reason    string    `json:"reason,omitempty"`
	Through   time.Time `json:"through,omitzero"`
	Count     int       `json:"count,omitzero"`
	State     State     `json:"state,omitempty"`
	Outcome   *Outcome  `json:"outcome,omitempty"`

	// Version is that of the definition by which an enqueued attempt runs.
	// EnvNames are the variables of it that the request overrode.
	Version  string   `json:"version,omitempty"`
	EnvNames []string `json:"env_names,omitempty"`

	// Backfill is the ID of the backfill that the event is about, or that its
	// run belongs to; Progress, on EventBackfill, how that stands.
	Backfill string    `json:"backfill,omitempty"`
	Progress *Progress `json:"progress,omitempty"`

	// AskedBy is whose request the event answers: discarded and backfill.
	AskedBy string `json:"asked_by,omitempty"`

	// Step and Read are on a shard's own events: the number of the decision
	// the event belongs to, and the offset in events behind the last record
	// the shard had taken in by then. A new owner replays the log by them.
	Step int64 `json:"step,omitzero"`
	Read int64 `json:"read,omitzero"`

	Unknown map[string]any `json:",embed"`
}

// Final returns the final state that the event gives its run, if it does: an
// ended event, or the report of a success. If the shard did not take that
// report, a late_report of the same fence follows.
func (e *Event) Final() (State, bool) {
	switch {
	case e.Type == EventEnded:
		return e.State, true
	case e.Type == EventFinished && e.Outcome != nil && e.Outcome.State == StateSucceeded:
		return StateSucceeded, true
	}
	return "", false
}

// Key is the key of the handing-out the event speaks of.
func (e *Event) Key() Key { return Key{ID: e.Run, Fence: e.Fence} }

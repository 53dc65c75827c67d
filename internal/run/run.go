package run

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-cron/belfry/internal/job"
)

// ID names one run: a UUIDv5 of its job and due time, so that whoever
// decides a due time arrives at the same name.
type ID string

// NewID returns the ID of the run of jobName due at due. A run that somebody
// asked for adds the ID of the request, so that it never takes the place of
// the scheduled run due in the same instant.
func NewID(jobName string, due time.Time, request string) ID {
	name := jobName + "\x00" + due.UTC().Format(time.RFC3339Nano)
	if request != "" {
		name += "\x00" + request
	}
	return ID(uuid.NewSHA1(namespace(), []byte(name)).String())
}

// namespace is the UUIDv5 namespace of run IDs; changing it would rename
// every run.
func namespace() uuid.UUID {
	return uuid.MustParse("6f1c1d2e-8a0b-5e7c-9d53-0be1f2b7c0de")
}

// Key names one handing-out of a run: every time a run is enqueued it gets a
// higher fence, and whatever is said of an older fence is out of date.
type Key struct {
	ID    ID
	Fence int64
}

// String is the form keys take in beats: "ID:fence".
func (k Key) String() string { return fmt.Sprintf("%s:%d", k.ID, k.Fence) }

// Trigger says why a run exists.
type Trigger string

// The triggers. A catch-up run is one whose due time passed while nobody was
// deciding. A replay runs what was run by the definition of then.
const (
	TriggerSchedule Trigger = "schedule"
	TriggerCatchUp  Trigger = "catch_up"
	TriggerManual   Trigger = "manual"
	TriggerRequeue  Trigger = "requeue"
	TriggerReplay   Trigger = "replay"
	TriggerBackfill Trigger = "backfill"
)

// Asked reports whether somebody asked for the run, so that no scheduled due
// time is decided with it.
func (t Trigger) Asked() bool {
	switch t {
	case TriggerManual, TriggerRequeue, TriggerReplay, TriggerBackfill:
		return true
	case TriggerSchedule, TriggerCatchUp:
	}
	return false
}

// Queue names which of a cluster's two queues a run stands in.
type Queue string

// First attempts stand in QueueRuns, later ones in QueueRetries.
const (
	QueueRuns    Queue = "runs"
	QueueRetries Queue = "retries"
)

// Run is one handing-out of one attempt of a run: the record in
// runs.<cluster> or retries.<cluster>. It holds all that a worker needs.
type Run struct {
	V       int       `json:"v"`
	ID      ID        `json:"run"`
	Job     string    `json:"job"`
	Cluster string    `json:"cluster"`
	Due     time.Time `json:"due"`

	// NotBefore is when to start: the due time plus jitter, or the end of a
	// retry's backoff. StagedAt is when the scheduler enqueued the run, by
	// its clock; a worker never holds a run longer than NotBefore-StagedAt.
	NotBefore time.Time `json:"not_before"`
	StagedAt  time.Time `json:"staged_at"`

	// Deadline is the last instant at which the run may start; zero if any.
	Deadline time.Time `json:"deadline,omitzero"`

	Attempt int     `json:"attempt"`
	Fence   int64   `json:"fence"`
	Trigger Trigger `json:"trigger"`

	// Hops counts how often the run was returned and placed anew.
	Hops int `json:"hops,omitzero"`

	// Shard is the partition of events that this run's events belong to.
	Shard int32 `json:"shard"`

	Command []string          `json:"command"`
	Stdin   string            `json:"stdin,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	// WorkingDir may be job.Home. Linger is the job's.
	WorkingDir string        `json:"working_dir,omitempty"`
	Linger     bool          `json:"linger,omitzero"`
	User       string        `json:"user,omitempty"`
	Timeout    time.Duration `json:"timeout_ms,omitzero"`
	OnLost     job.OnLost    `json:"on_lost"`

	// Unknown keeps fields written by a newer version.
	Unknown map[string]any `json:",embed"`
}

// Key is the run's key: what recalls, beats and events match it by.
func (r *Run) Key() Key { return Key{ID: r.ID, Fence: r.Fence} }

// State is where a run stands.
type State string

// The states of a run. Waiting is the time between a failed attempt and the
// next. Succeeded, Cancelled, Skipped, Lost, Failed, TimedOut and Dead are
// final; an attempt may fail, time out or be lost, but a run whose last
// attempt did so is Dead.
const (
	StateQueued    State = "queued"
	StateClaimed   State = "claimed"
	StateStarted   State = "started"
	StateWaiting   State = "waiting"
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
	StateTimedOut  State = "timed_out"
	StateCancelled State = "cancelled"
	StateLost      State = "lost"
	StateSkipped   State = "skipped"
	StateDead      State = "dead"
)

// Final reports whether nothing more becomes of a run in state s.
func (s State) Final() bool {
	switch s {
	case StateQueued, StateClaimed, StateStarted, StateWaiting:
		return false
	case StateSucceeded, StateFailed, StateTimedOut, StateCancelled, StateLost, StateSkipped, StateDead:
		return true
	}
	return false
}

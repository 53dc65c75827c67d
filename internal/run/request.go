package run

import "time"

// RequestType says what somebody asks of a job's shard.
type RequestType string

// The requests. Resume undoes a pause that was requested; a job paused in its
// file stays paused.
const (
	RequestRun     RequestType = "run"
	RequestPause   RequestType = "pause"
	RequestResume  RequestType = "resume"
	RequestCancel  RequestType = "cancel"
	RequestRequeue RequestType = "requeue"
)

// Request is one record in the commands topic, keyed by job name.
type Request struct {
	V    int         `json:"v"`
	Type RequestType `json:"type"`
	// ID is unique to the request; sending a request twice has the effect of
	// sending it once.
	ID  string    `json:"id"`
	Job string    `json:"job"`
	At  time.Time `json:"at"`
	By  string    `json:"by,omitempty"`

	// Run is the run to cancel or requeue; Due is the due time of the run to
	// requeue, which the new run takes over.
	Run ID        `json:"run,omitempty"`
	Due time.Time `json:"due,omitzero"`

	Unknown map[string]any `json:",embed"`
}

// ControlType says what schedulers tell workers.
type ControlType string

// The controls. ControlRecall asks for a run that has not started, so it is
// dropped; ControlCancel ends it whether started or not. ControlConfirm answers
// a claim that asked for it: the handing-out still counts. ControlFree tells a
// cluster's workers how many free slots it has. ControlReplaced tells the
// process of an older life that a newer one has taken its name.
const (
	ControlRecall   ControlType = "recall"
	ControlCancel   ControlType = "cancel"
	ControlConfirm  ControlType = "confirm"
	ControlFree     ControlType = "free"
	ControlReplaced ControlType = "replaced"
)

// Control is one record in the control topic, keyed by run ID, cluster or
// member ID, in the partition of its cluster.
type Control struct {
	V      int         `json:"v"`
	Type   ControlType `json:"type"`
	At     time.Time   `json:"at"`
	Reason string      `json:"reason,omitempty"`

	// Run and Fence name the run of a recall or a cancel: that fence and all
	// below it; and of a confirm: that fence alone.
	Run   ID    `json:"run,omitempty"`
	Fence int64 `json:"fence,omitzero"`

	// Cluster is whose workers it is for. Records of earlier releases name
	// none, unless they are of ControlFree.
	Cluster string `json:"cluster,omitempty"`

	// FreeSlots and FreeRetrySlots belong to ControlFree.
	FreeSlots      int `json:"free_slots,omitzero"`
	FreeRetrySlots int `json:"free_retry_slots,omitzero"`

	// Member and Incarnation belong to ControlReplaced: every life of that
	// worker before this one is over. A ControlConfirm has Member, too: whose
	// claim it answers.
	Member      string `json:"member,omitempty"`
	Incarnation int64  `json:"incarnation,omitzero"`

	Unknown map[string]any `json:",embed"`
}

// DeadLetter is one record in dead.<cluster>: a run given up, or a record
// that could not be read.
type DeadLetter struct {
	V      int       `json:"v"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason"`

	// Run and Outcome are set for a run whose attempts are used up; the
	// outcome is that of the last attempt.
	Run     *Run     `json:"run_record,omitempty"`
	Outcome *Outcome `json:"outcome,omitempty"`

	// The place and bytes of a record that could not be read.
	Topic     string `json:"topic,omitempty"`
	Partition int32  `json:"partition,omitzero"`
	Offset    int64  `json:"offset,omitzero"`
	Key       []byte `json:"key,omitempty"`
	Value     []byte `json:"value,omitempty"`

	// KeyBytes and ValueBytes are set where Key or Value is only the first
	// part, and say how long the whole was.
	KeyBytes   int `json:"key_bytes,omitzero"`
	ValueBytes int `json:"value_bytes,omitzero"`

	Unknown map[string]any `json:",embed"`
}

package run

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
)

// RequestType says what somebody asks of a job's shard.
type RequestType string

// The requests. Resume undoes a pause that was requested; a job paused in its
// file stays paused. Requeue runs a due time again as its job is defined now,
// replay as it was defined then. Discard says that nobody will do either.
const (
	RequestRun            RequestType = "run"
	RequestPause          RequestType = "pause"
	RequestResume         RequestType = "resume"
	RequestCancel         RequestType = "cancel"
	RequestRequeue        RequestType = "requeue"
	RequestReplay         RequestType = "replay"
	RequestDiscard        RequestType = "discard"
	RequestBackfill       RequestType = "backfill"
	RequestBackfillPause  RequestType = "backfill_pause"
	RequestBackfillResume RequestType = "backfill_resume"
	RequestBackfillCancel RequestType = "backfill_cancel"
)

// The limits of requests. A job's state holds what its unfinished runs have of
// their own, and its backfills, and must fit a record.
const (
	// MaxOwnEnv bounds the variables of one request, in bytes of names and
	// values, MaxOwnEnvNames how many there are.
	MaxOwnEnv      = 16 << 10
	MaxOwnEnvNames = 100
	// MaxDefinition bounds the definition of a replay, in bytes of its record.
	MaxDefinition = 64 << 10
	// MaxOwn bounds what all unfinished runs of a job have of their own.
	MaxOwn = 256 << 10
	// MaxBackfills bounds the backfills of a job that are under way, MaxRanges
	// the ranges of each, MaxParallel its runs at a time.
	MaxBackfills    = 5
	MaxRanges       = 200
	MaxParallel     = 20
	DefaultParallel = 4
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

	// Run is the run to cancel, requeue, replay or discard; Due is its due time,
	// which the new run takes over.
	Run ID        `json:"run,omitempty"`
	Due time.Time `json:"due,omitzero"`

	// Env, of a run, replaces variables of the job's environment and adds to
	// them. At most MaxOwnEnvNames, MaxOwnEnv bytes.
	Env map[string]string `json:"env,omitempty"`

	// Definition, of a replay, is the job as it was when Run ran: whoever asks
	// has it from the history. Its record takes at most MaxDefinition bytes.
	Definition *job.Job `json:"definition,omitempty"`

	// From and To are the first and the last instant of a backfill. Ranges are
	// the parts of it whose due times are run, in order and apart from each
	// other; without Ranges all are. OnlyMissed says that the asker left those
	// out that had run. Parallel is how many of its runs may be unfinished at a
	// time, 0 for DefaultParallel, at most MaxParallel.
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
	Ranges     []Range   `json:"ranges,omitempty"`
	OnlyMissed bool      `json:"only_missed,omitzero"`
	Parallel   int       `json:"parallel,omitzero"`

	// Backfill is the one to pause, resume or cancel: the ID of the request
	// that asked for it.
	Backfill string `json:"backfill,omitempty"`

	Unknown map[string]any `json:",embed"`
}

// Range is a part of time; both ends are part of it.
type Range struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
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

package audit

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/run"
)

// Action is what somebody did.
type Action string

// The actions.
const (
	JobPut      Action = "job.put"
	JobDelete   Action = "job.delete"
	JobPause    Action = "job.pause"
	JobResume   Action = "job.resume"
	JobRun      Action = "job.run"
	JobBackfill Action = "job.backfill"
	RunCancel   Action = "run.cancel"
	RunRequeue  Action = "run.requeue"
	RunReplay   Action = "run.replay"
	RunDiscard  Action = "run.discard"
	TokenMake   Action = "token.create"
	TokenRevoke Action = "token.revoke"
)

// AccessKey is the key of records about tokens; no job name begins with a tilde.
const AccessKey = "~access"

// Record is one record in the topic "audit".
type Record struct {
	V int `json:"v"`
	// ID is unique to the change.
	ID string    `json:"id"`
	At time.Time `json:"at"`
	// By, Role, Via and From are those of the principal.
	By   string      `json:"by"`
	Role access.Role `json:"role"`
	Via  access.Via  `json:"via"`
	From string      `json:"from,omitempty"`

	Action Action `json:"action"`
	// Job and Run are what was changed; Job is empty for tokens.
	Job string `json:"job,omitempty"`
	Run run.ID `json:"run,omitempty"`

	// Before and After are JSON objects, or empty where there was nothing.
	Before jsontext.Value `json:"before,omitempty"`
	After  jsontext.Value `json:"after,omitempty"`

	Unknown map[string]any `json:",embed"`
}

// Key is the key of the record.
func (r *Record) Key() string {
	if r.Job == "" {
		return AccessKey
	}
	return r.Job
}

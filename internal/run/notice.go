package run

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-cron/belfry/internal/job"
)

// NoticeType says what a record in the notices topic is.
type NoticeType string

// The records. A shard writes what is to be told; a server, what became of it
// at each of its targets.
const (
	NoticeTold      NoticeType = "notice"
	NoticeDelivered NoticeType = "delivered"
	NoticeGivenUp   NoticeType = "given_up"
)

// Notice is one record in the notices topic, keyed by job name: that something
// about a job is to be told, or, of the same ID, what became of telling a target.
type Notice struct {
	V    int        `json:"v"`
	Type NoticeType `json:"type"`

	// ID names the cause: the same cause has the same ID wherever it is found.
	ID      string    `json:"id"`
	Job     string    `json:"job"`
	Cluster string    `json:"cluster,omitempty"`
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`

	// When is what happened. Incident names what is not over before the job
	// next succeeds: all failures in a row are one. Closes are the incidents
	// that a recovered notice ends.
	When     job.When `json:"when,omitempty"`
	Incident string   `json:"incident,omitempty"`
	Closes   []string `json:"closes,omitempty"`

	// To are the names of the targets. Resolve are those that were told of an
	// incident in Closes and did not ask for recovered: a target that keeps
	// incidents open is to close them.
	To      []string `json:"to,omitempty"`
	Resolve []string `json:"resolve,omitempty"`

	// The run it is about, if it is about one, and its last outcome.
	Run     ID        `json:"run,omitempty"`
	Due     time.Time `json:"due,omitzero"`
	Trigger Trigger   `json:"trigger,omitempty"`
	Attempt int       `json:"attempt,omitzero"`
	State   State     `json:"state,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Outcome *Outcome  `json:"outcome,omitempty"`

	// Count is how many failures or skipped due times in a row there are. Since
	// is since when it is so: the first failure, the last success, the start.
	// Until is by when it was to be otherwise, Expected when it probably will.
	Count    int       `json:"count,omitzero"`
	Since    time.Time `json:"since,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	Expected time.Time `json:"expected,omitzero"`

	// Held counts the notices of the same kind that were held back since the
	// one before, because it was told of not long ago.
	Held int `json:"held,omitzero"`

	// Target, Attempts and Error belong to NoticeDelivered and NoticeGivenUp.
	Target   string `json:"target,omitempty"`
	Attempts int    `json:"attempts,omitzero"`
	Error    string `json:"error,omitempty"`

	Unknown map[string]any `json:",embed"`
}

// NoticeID names a cause by what sets it apart: the job, the kind, and the run
// or the instant.
func NoticeID(parts ...string) string {
	return uuid.NewSHA1(namespace(), []byte("notice\x00"+strings.Join(parts, "\x00"))).String()
}

package member

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Role is what a member does.
type Role string

// The roles.
const (
	RoleScheduler Role = "scheduler"
	RoleWorker    Role = "worker"
)

// The rhythm of beats, and how many beats of one scheduler may pass without
// one of a member before others act (docs/protocol.md, beat).
const (
	SchedulerEvery = 500 * time.Millisecond
	WorkerEvery    = time.Second

	// ControlFresh is how long ago, at the most, a worker that starts a run
	// knew that it had read all there was in control.
	ControlFresh = 2500 * time.Millisecond

	// SchedulerGone: its shards are taken over.
	SchedulerGone = 5
	// WorkerSilent: the runs it holds unstarted are placed anew.
	WorkerSilent = 10
	// WorkerGone: the runs it started are lost.
	WorkerGone = 60

	// ReplacedSurveys is in how many surveys a new life of a worker must be
	// seen before the runs of the old are taken away: that may be a second
	// process under its name, and the first has to hear of it.
	ReplacedSurveys = 5
)

// Beat is a member's sign of life: a record in the members topic, keyed by
// member ID.
type Beat struct {
	V           int       `json:"v"`
	ID          string    `json:"id"`
	Role        Role      `json:"role"`
	Incarnation int64     `json:"incarnation"`
	Seq         int64     `json:"seq"`
	At          time.Time `json:"at"`
	Host        string    `json:"host,omitempty"`
	Version     string    `json:"version,omitempty"`
	StartedAt   time.Time `json:"started_at,omitzero"`
	// Zones is the version of the time zone data the member reads; empty in
	// beats of members that do not tell.
	Zones string `json:"zones,omitempty"`

	// Leaving says that this is the member's last beat.
	Leaving bool `json:"leaving,omitzero"`

	// Shards are those a scheduler owns at this moment.
	Shards []int32 `json:"shards,omitempty"`

	// Closed are the first clusters by name on whose queues this scheduler can
	// put nothing, ClosedMore is how many more there are.
	Closed     []Closed `json:"closed,omitempty"`
	ClosedMore int      `json:"closed_more,omitzero"`

	// The rest is a worker's: slots in all and free, per queue, the
	// partitions of each queue it owns, and the keys ("ID:fence") of the
	// runs it holds, split by whether they were started.
	Cluster string   `json:"cluster,omitempty"`
	Runs    Slots    `json:"runs,omitzero"`
	Retries Slots    `json:"retries,omitzero"`
	Held    []string `json:"held,omitempty"`
	Started []string `json:"started,omitempty"`
	// Unlisted is how many more runs the worker holds: nobody can conclude
	// from such a beat that it does not hold one.
	Unlisted int `json:"unlisted,omitzero"`
	// Claims lists the runs by the numbers of their claims instead. Then
	// Unlisted counts all of them, so that readers of keys conclude nothing.
	Claims run.Claims `json:"claims,omitzero"`

	Unknown map[string]any `json:",embed"`
}

// Closed is a cluster whose runs wait, and the reason.
type Closed struct {
	Cluster string `json:"cluster"`
	Reason  string `json:"reason"`
}

// Slots is what a worker has for one queue.
type Slots struct {
	Total      int     `json:"total"`
	Free       int     `json:"free"`
	Partitions []int32 `json:"partitions,omitempty"`
}

// Staged returns how many of the runs that a worker lists it has not announced,
// Running how many it has.
func (b *Beat) Staged() int { return len(b.Held) + run.Count(b.Claims.Held) }

// Running is the other part; see Staged.
func (b *Beat) Running() int { return len(b.Started) + run.Count(b.Claims.Started) }

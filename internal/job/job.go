package job

import "time"

// Job is one validated job with every default filled in. It is the payload
// of a record in the jobs topic, so its JSON names are part of the protocol;
// durations travel as whole milliseconds.
type Job struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`

	// Schedule is the expression as written; empty means the job runs only
	// when asked to. Seconds allows a sixth field. Timezone is an IANA name.
	Schedule string `json:"schedule,omitempty"`
	Seconds  bool   `json:"seconds,omitzero"`
	Timezone string `json:"timezone,omitempty"`

	// OnlyOn and ExceptOn are calendars: a due time is run only if its date is
	// in one of the first, where there are any, and in none of the second.
	// Blackouts are those of the job and of its cluster.
	OnlyOn    []Calendar `json:"only_on,omitempty"`
	ExceptOn  []Calendar `json:"except_on,omitempty"`
	Blackouts []Blackout `json:"blackouts,omitempty"`

	// Cluster names the set of workers that run the job. Records written
	// before clusters existed (v0) have none: see topic.DecodeJob.
	Cluster string `json:"cluster"`

	// Command is an argument vector; a command written as one string is
	// {"/bin/sh", "-c", string}.
	Command []string          `json:"command"`
	Stdin   string            `json:"stdin,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	User    string            `json:"user,omitempty"`

	// WorkingDir is an absolute path, or Home. Empty is the worker's own
	// folder, or with a User that user's home.
	WorkingDir string `json:"working_dir,omitempty"`

	// Linger lets processes live on that a command leaves in the background.
	// Without it they end with the command.
	Linger bool `json:"linger,omitzero"`

	// Timeout ends an attempt that runs longer; zero means none.
	Timeout time.Duration `json:"timeout_ms,omitzero"`

	// Retries is the number of attempts after the first.
	Retries      int     `json:"retries,omitzero"`
	RetryBackoff Backoff `json:"retry_backoff,omitzero"`

	Overlap Overlap `json:"overlap"`
	CatchUp CatchUp `json:"catch_up"`

	// MaxUnfinished bounds the runs of the job that wait or are under way:
	// a due time beyond it is skipped. Zero means MaxUnfinished.
	MaxUnfinished int `json:"max_unfinished,omitzero"`

	// StartDeadline drops a run that could not start this long after it was
	// due; zero means it may start at any time.
	StartDeadline time.Duration `json:"start_deadline_ms,omitzero"`

	// Jitter spreads starts over [due, due+Jitter), the same for one run
	// wherever it is computed.
	Jitter time.Duration `json:"jitter_ms,omitzero"`

	OnLost OnLost `json:"on_lost"`

	// OnAnnounced is OnLost for a run whose worker announced the start and was
	// lost before it could be seen to have started: it may never have run.
	// Empty is as OnLost.
	OnAnnounced OnLost `json:"on_announced,omitempty"`

	// Notify says who is told of what. ExpectSuccessWithin is the longest that
	// the job may be without a success, zero for any time; DoneBy the time of
	// day, "06:00" in Timezone, by which the run due before it has succeeded.
	Notify              []Notify      `json:"notify,omitempty"`
	ExpectSuccessWithin time.Duration `json:"expect_success_within_ms,omitzero"`
	DoneBy              string        `json:"done_by,omitempty"`

	Labels map[string]string `json:"labels,omitempty"`
	Paused bool              `json:"paused,omitzero"`

	// Source is the file the job came from, as given to apply; prune removes
	// only jobs of the sources it was given.
	Source string `json:"source,omitempty"`

	// Unknown keeps fields written by a newer version.
	Unknown map[string]any `json:",embed"`
}

// Home, as a working directory, is the home of the user whom a command runs as.
const Home = "~"

// Overlap says what becomes of a due time whose job still has an unfinished
// run.
type Overlap string

// The overlap policies. Replace cancels the unfinished run and then runs the
// newer one.
const (
	OverlapAllow   Overlap = "allow"
	OverlapSkip    Overlap = "skip"
	OverlapQueue   Overlap = "queue"
	OverlapReplace Overlap = "replace"
)

// OnLost says what becomes of a started run whose worker was lost.
type OnLost string

// LostRetry runs it again (at least once), LostFail does not (at most once).
const (
	LostRetry OnLost = "retry"
	LostFail  OnLost = "fail"
)

// CatchUpPolicy says which of the due times missed while no scheduler was
// deciding are run.
type CatchUpPolicy string

// The catch-up policies. CatchUpLast runs only the newest missed due time.
const (
	CatchUpNone CatchUpPolicy = "none"
	CatchUpLast CatchUpPolicy = "last"
	CatchUpAll  CatchUpPolicy = "all"
)

// CatchUp is a policy and how far back it reaches.
type CatchUp struct {
	Policy CatchUpPolicy `json:"policy"`
	Window time.Duration `json:"window_ms,omitzero"`
}

// Backoff is the wait before attempt n+1: Initial × Factor^(n-1), at most
// Max, then spread by ± Jitter (0 to 1) of itself.
type Backoff struct {
	Initial time.Duration `json:"initial_ms,omitzero"`
	Factor  float64       `json:"factor,omitzero"`
	Max     time.Duration `json:"max_ms,omitzero"`
	Jitter  float64       `json:"jitter,omitzero"`
}

package job

import "time"

// When is an occasion on which somebody is told about a job.
type When string

// The occasions. All but recovered last until the job next succeeds.
const (
	// WhenFailed: a run was given up; told of each.
	WhenFailed When = "failed"
	// WhenFailing: a run was given up, the first since a success.
	WhenFailing When = "failing"
	// WhenRecovered: a success ended what was told of before.
	WhenRecovered When = "recovered"
	// WhenLate: a run has not started LateAfter after its time.
	WhenLate When = "late"
	// WhenMissed: a due time was not run, though it should have been.
	WhenMissed When = "missed"
	// WhenLong: a run takes longer than its last runs let expect.
	WhenLong When = "long"
	// WhenSkipped: InARow due times were passed over because of earlier runs.
	WhenSkipped When = "skipped"
	// WhenNoSuccess: expect_success_within has passed without a success.
	WhenNoSuccess When = "no_success"
	// WhenNotDone: done_by will not be met, or was not.
	WhenNotDone When = "not_done"
)

// Whens returns all occasions, in the order of the docs.
func Whens() []When {
	return []When{
		WhenFailed, WhenFailing, WhenRecovered, WhenLate, WhenMissed, WhenLong, WhenSkipped, WhenNoSuccess, WhenNotDone,
	}
}

// Notify says who is told of what about a job.
type Notify struct {
	When []When `json:"when"`
	// To names targets in the settings of the servers; what reaches them, an
	// address or a secret, is in no record.
	To []string `json:"to"`

	// Every is the least time between two notices of one occasion; those held
	// back are counted in the next. Zero tells of each.
	Every time.Duration `json:"every_ms,omitzero"`

	// LateAfter is how long after its time a run counts as late, zero for
	// DefaultLateAfter; InARow from how many skipped due times on skipped is
	// told of, zero for DefaultInARow.
	LateAfter time.Duration `json:"late_after_ms,omitzero"`
	InARow    int           `json:"in_a_row,omitzero"`
}

// The defaults and limits of notify.
const (
	DefaultLateAfter = 5 * time.Minute
	DefaultInARow    = 3
	MaxNotify        = 10
	MaxTargets       = 10
	MaxTarget        = 63
	MaxInARow        = 1000
)

package run

import "time"

// Phase says where a backfill stands.
type Phase string

// The phases. Cancelled and done are the last of a backfill.
const (
	PhaseRunning   Phase = "running"
	PhasePaused    Phase = "paused"
	PhaseCancelled Phase = "cancelled"
	PhaseDone      Phase = "done"
)

// Progress is how a backfill stands: in a job's state as long as it is under
// way, and in its events.
type Progress struct {
	// ID is that of the request that asked for it, By who sent that, At when.
	ID string    `json:"id"`
	By string    `json:"by,omitempty"`
	At time.Time `json:"at,omitzero"`

	// From, To, OnlyMissed and Parallel are the request's.
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	OnlyMissed bool      `json:"only_missed,omitzero"`
	Parallel   int       `json:"parallel,omitzero"`

	Phase Phase `json:"phase"`
	// Through is the newest due time that was handed out or passed over, zero
	// before the first.
	Through time.Time `json:"through,omitzero"`

	// Begun counts the runs that were handed out, the others how those ended
	// that have: Failed are those given up, Other those cancelled or skipped.
	Begun     int `json:"begun,omitzero"`
	Succeeded int `json:"succeeded,omitzero"`
	Failed    int `json:"failed,omitzero"`
	Other     int `json:"other,omitzero"`
}

// Unfinished is how many of its runs wait or are under way.
func (p *Progress) Unfinished() int { return p.Begun - p.Succeeded - p.Failed - p.Other }

// Ended counts a run that ended in that state.
func (p *Progress) Ended(state State) {
	switch state {
	case StateSucceeded:
		p.Succeeded++
	case StateDead, StateFailed, StateTimedOut, StateLost:
		p.Failed++
	case StateCancelled, StateSkipped, StateQueued, StateClaimed, StateStarted, StateWaiting:
		p.Other++
	}
}

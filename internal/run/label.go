package run

import (
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
)

// LabelOther stands for every value that is none of a fixed set. Records may
// hold anything, and each new value of a metric's label is a series more that
// is kept for ever.
const LabelOther = "other"

// Reasons returns the fixed reasons. Those that name a calendar or a blackout
// are not among them.
func Reasons() []string {
	return []string{
		ReasonOverlap, ReasonQueueFull, ReasonReplaced, ReasonPaused, ReasonMissed, ReasonEdited, ReasonDeleted,
		ReasonCancelled, ReasonStartDeadline, ReasonNoSlot, ReasonDraining, ReasonOutOfTouch, ReasonNameTaken,
		ReasonWorkerLost, ReasonNotHeld, ReasonOversized, ReasonNoQueue, ReasonNoWorker, ReasonUnclaimed,
		ReasonAnnounced, ReasonNotAuthorized, ReasonUnreadableState, ReasonAttemptsUsed, ReasonUnknownJob, ReasonInvalidJob, ReasonKeeperLost,
		ReasonUnconfirmed, ReasonOwnFull, ReasonBackfillsFull, ReasonInvalidRequest,
	}
}

// ReasonLabel is a reason as a metric's label: one of Reasons, "calendar" or
// "blackout" without the name, or LabelOther.
func ReasonLabel(reason string) string {
	for _, named := range []string{job.ReasonCalendar, job.ReasonBlackout} {
		if strings.HasPrefix(reason, named) {
			return strings.TrimSuffix(named, ":")
		}
	}
	return oneOf(reason, Reasons())
}

// Label is the trigger as a metric's label: itself if it is known.
func (t Trigger) Label() string {
	return string(oneOf(t, []Trigger{TriggerSchedule, TriggerCatchUp, TriggerManual, TriggerRequeue, TriggerReplay, TriggerBackfill}))
}

// Label is the state as a metric's label: itself if it is known.
func (s State) Label() string {
	return string(oneOf(s, []State{
		StateQueued, StateClaimed, StateStarted, StateWaiting, StateSucceeded, StateFailed, StateTimedOut,
		StateCancelled, StateLost, StateSkipped, StateDead,
	}))
}

func oneOf[T ~string](value T, known []T) T {
	if slices.Contains(known, value) {
		return value
	}
	return LabelOther
}

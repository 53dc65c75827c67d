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

// ReasonLabels returns every value of ReasonLabel.
func ReasonLabels() []string {
	calendar, blackout := strings.TrimSuffix(job.ReasonCalendar, ":"), strings.TrimSuffix(job.ReasonBlackout, ":")
	return append(Reasons(), calendar, blackout, LabelOther)
}

// triggers are those that are known.
func triggers() []Trigger {
	return []Trigger{TriggerSchedule, TriggerCatchUp, TriggerManual, TriggerRequeue, TriggerReplay, TriggerBackfill}
}

// Label is the trigger as a metric's label: itself if it is known.
func (t Trigger) Label() string { return string(oneOf(t, triggers())) }

// TriggerLabels returns every value of Trigger.Label.
func TriggerLabels() []Trigger { return append(triggers(), LabelOther) }

// finalStates are those that a run or an attempt can end in.
func finalStates() []State {
	return []State{StateSucceeded, StateFailed, StateTimedOut, StateCancelled, StateLost, StateSkipped, StateDead}
}

// Label is the state as a metric's label: itself if it is known.
func (s State) Label() string {
	return string(oneOf(s, append(finalStates(), StateQueued, StateClaimed, StateStarted, StateWaiting)))
}

// EndLabels returns the values of State.Label for what has ended.
func EndLabels() []State { return append(finalStates(), LabelOther) }

func oneOf[T ~string](value T, known []T) T {
	if slices.Contains(known, value) {
		return value
	}
	return LabelOther
}

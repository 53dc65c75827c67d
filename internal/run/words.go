package run

import (
	"fmt"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
)

// Why says why a run is in the state it is in, empty if there is nothing to
// say. How its last attempt ended comes before what follows from that.
func Why(because string, last *Outcome) string {
	switch {
	case last == nil || last.State == StateSucceeded || because != "" && because != ReasonAttemptsUsed:
		return Words(because)
	case because == "":
		return Ending(last)
	}
	return Ending(last) + "; " + Words(because)
}

// Ending says in words how an attempt ended.
func Ending(o *Outcome) string {
	switch {
	case o.StartFailure != "":
		return "it could not be started: " + o.StartFailure
	case o.State == StateTimedOut:
		return "it ran longer than its timeout"
	case o.Reason != "":
		return Words(o.Reason)
	case o.Signal != "":
		return "it was ended by " + o.Signal
	}
	return fmt.Sprintf("its command ended with exit code %d", o.ExitCode)
}

// Words says in words what a reason in the ledger means. A reason of a later
// release is returned as it is.
func Words(reason string) string {
	words, ok := map[string]string{
		ReasonOverlap:         "an earlier run had not ended, and the job's overlap policy does not let two run",
		ReasonQueueFull:       "as many runs of the job as may were waiting or under way already",
		ReasonReplaced:        "a newer due time took its place",
		ReasonPaused:          "the job was paused",
		ReasonMissed:          "it passed while no scheduler was deciding, and the catch-up policy does not cover it",
		ReasonEdited:          "the job was changed",
		ReasonDeleted:         "the job was deleted",
		ReasonCancelled:       "somebody cancelled it",
		ReasonStartDeadline:   "it could not start before its start deadline",
		ReasonNoSlot:          "the worker had no free slot while others had",
		ReasonDraining:        "the worker was leaving",
		ReasonOutOfTouch:      "the worker was out of touch with Kafka",
		ReasonWorkerLost:      "the worker's beats stopped",
		ReasonKeeperLost:      "the keeper of the worker's commands died, and they were killed",
		ReasonNotHeld:         "the worker lives but no longer held it",
		ReasonNoQueue:         "its cluster has no topics, and they could not be made",
		ReasonOversized:       "its record is larger than Kafka accepts",
		ReasonNoWorker:        "no worker of its cluster lives",
		ReasonUnclaimed:       "no worker took it off its queue in time",
		ReasonUnconfirmed:     "nobody said in time that it still counts",
		ReasonAnnounced:       "the worker was lost when the start was announced: nobody knows whether it began",
		ReasonNotAuthorized:   "the topics of its cluster may not be written",
		ReasonNameTaken:       "another process took the worker's name",
		ReasonAttemptsUsed:    "no attempt was left",
		ReasonUnknownJob:      "there is no such job",
		ReasonUnreadableState: "the state of the job was written by a later release, or is damaged",
		ReasonInvalidJob:      "the job's definition is not valid",
		ReasonOwnFull:         "too much was held for runs of the job that have an environment or a definition of their own",
		ReasonBackfillsFull:   "as many backfills of the job as may were under way already",
		ReasonInvalidRequest:  "the request did not say what it must",
	}[reason]
	if ok {
		return words
	}
	if name, found := strings.CutPrefix(reason, job.ReasonCalendar); found {
		return "its day is left out by calendar " + name
	}
	if name, found := strings.CutPrefix(reason, job.ReasonBlackout); found {
		return "it lies in blackout " + name
	}
	return reason
}

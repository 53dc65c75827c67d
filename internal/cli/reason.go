package cli

import (
	"fmt"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// why says why a run is in the state it is in, empty if there is nothing to
// say. How its last attempt ended comes before what follows from that.
func why(because string, last *run.Outcome) string {
	switch {
	case last == nil || last.State == run.StateSucceeded || because != "" && because != run.ReasonAttemptsUsed:
		return reason(because)
	case because == "":
		return ending(last)
	}
	return ending(last) + "; " + reason(because)
}

// ending says in words how an attempt ended.
func ending(o *run.Outcome) string {
	switch {
	case o.StartFailure != "":
		return "it could not be started: " + o.StartFailure
	case o.State == run.StateTimedOut:
		return "it ran longer than its timeout"
	case o.Reason != "":
		return reason(o.Reason)
	case o.Signal != "":
		return "it was ended by " + o.Signal
	}
	return fmt.Sprintf("its command ended with exit code %d", o.ExitCode)
}

// reason says in words what a reason in the ledger means.
func reason(r string) string {
	words, ok := map[string]string{
		run.ReasonOverlap:         "an earlier run had not ended, and the job's overlap policy does not let two run",
		run.ReasonQueueFull:       "as many runs of the job as may were waiting or under way already",
		run.ReasonReplaced:        "a newer due time took its place",
		run.ReasonPaused:          "the job was paused",
		run.ReasonMissed:          "it passed while no scheduler was deciding, and the catch-up policy does not cover it",
		run.ReasonEdited:          "the job was changed",
		run.ReasonDeleted:         "the job was deleted",
		run.ReasonCancelled:       "somebody cancelled it",
		run.ReasonStartDeadline:   "it could not start before its start deadline",
		run.ReasonNoSlot:          "the worker had no free slot while others had",
		run.ReasonDraining:        "the worker was leaving",
		run.ReasonOutOfTouch:      "the worker was out of touch with Kafka",
		run.ReasonWorkerLost:      "the worker's beats stopped",
		run.ReasonKeeperLost:      "the keeper of the worker's commands died, and they were killed",
		run.ReasonNotHeld:         "the worker lives but no longer held it",
		run.ReasonNoQueue:         "its cluster has no topics, and they could not be made",
		run.ReasonOversized:       "its record is larger than Kafka accepts",
		run.ReasonNoWorker:        "no worker of its cluster lives",
		run.ReasonUnclaimed:       "no worker took it off its queue in time",
		run.ReasonUnconfirmed:     "nobody said in time that it still counts",
		run.ReasonAnnounced:       "the worker was lost when the start was announced: nobody knows whether it began",
		run.ReasonNotAuthorized:   "the topics of its cluster may not be written",
		run.ReasonNameTaken:       "another process took the worker's name",
		run.ReasonAttemptsUsed:    "no attempt was left",
		run.ReasonUnknownJob:      "there is no such job",
		run.ReasonUnreadableState: "the state of the job was written by a later release, or is damaged",
		run.ReasonInvalidJob:      "the job's definition is not valid",
	}[r]
	if ok {
		return words
	}
	if name, found := strings.CutPrefix(r, job.ReasonCalendar); found {
		return "its day is left out by calendar " + name
	}
	if name, found := strings.CutPrefix(r, job.ReasonBlackout); found {
		return "it lies in blackout " + name
	}
	return r
}

package cli

import (
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// reason says in words what a reason in the ledger means.
func reason(r string) string {
	words, ok := map[string]string{
		run.ReasonOverlap:       "an earlier run had not ended, and the job's overlap policy does not let two run",
		run.ReasonQueueFull:     "too many due times were waiting for an earlier run already",
		run.ReasonReplaced:      "a newer due time took its place",
		run.ReasonPaused:        "the job was paused",
		run.ReasonMissed:        "it passed while no scheduler was deciding, and the catch-up policy does not cover it",
		run.ReasonEdited:        "the job was changed",
		run.ReasonDeleted:       "the job was deleted",
		run.ReasonCancelled:     "somebody cancelled it",
		run.ReasonStartDeadline: "it could not start before its start deadline",
		run.ReasonNoSlot:        "the worker had no free slot while others had",
		run.ReasonDraining:      "the worker was leaving",
		run.ReasonOutOfTouch:    "the worker was out of touch with Kafka",
		run.ReasonWorkerLost:    "the worker's beats stopped",
		run.ReasonKeeperLost:    "the keeper of the worker's commands died, and they were killed",
		run.ReasonNotHeld:       "the worker lives but no longer held it",
		run.ReasonNoQueue:       "its cluster has no topics, and they could not be made",
		run.ReasonOversized:     "its record is larger than Kafka accepts",
		run.ReasonAttemptsUsed:  "no attempt was left",
		run.ReasonUnknownJob:    "there is no such job",
		run.ReasonInvalidJob:    "the job's definition is not valid",
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

package web

import (
	"strings"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

// tone is how something looks that is well or not: the name of a class.
type tone string

const (
	good tone = "good"
	bad  tone = "bad"
	late tone = "late"
	busy tone = "busy"
	wait tone = "wait"
	none tone = "none"
)

// mark is a word with its tone.
type mark struct {
	Tone tone
	Word string
}

func toneOf(s run.State) tone {
	switch s {
	case run.StateSucceeded:
		return good
	case run.StateFailed, run.StateTimedOut, run.StateLost, run.StateDead:
		return bad
	case run.StateStarted:
		return busy
	case run.StateQueued, run.StateClaimed, run.StateWaiting:
		return wait
	case run.StateCancelled, run.StateSkipped:
		return none
	}
	return none
}

func markOf(s run.State) mark {
	return mark{toneOf(s), strings.ReplaceAll(string(s), "_", " ")}
}

// healthOf is the most urgent that is to be said of a job.
func healthOf(j *history.JobRow) mark {
	switch {
	case j.Aside != "":
		return mark{bad, "set aside"}
	case j.FailuresInRow > 0:
		return mark{bad, "failing"}
	case j.Late:
		return mark{late, "late"}
	case j.Paused:
		return mark{none, "paused"}
	case j.Running > 0:
		return mark{busy, "running"}
	case j.LastSuccess.IsZero():
		return mark{none, "no run yet"}
	}
	return mark{good, "ok"}
}

// unfinished are the states of runs that still become something.
func unfinished() []run.State {
	return []run.State{run.StateQueued, run.StateClaimed, run.StateStarted, run.StateWaiting}
}

// failed are the states of runs that somebody should look at.
func failed() []run.State {
	return []run.State{run.StateFailed, run.StateTimedOut, run.StateLost, run.StateDead}
}

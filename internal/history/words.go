package history

import (
	"slices"

	"github.com/belfry-cron/belfry/internal/run"
)

// states are the states that have a number: their place, counted from 1. The
// file holds the numbers, so that a new state goes to the end.
func states() []run.State {
	return []run.State{
		run.StateQueued, run.StateClaimed, run.StateStarted, run.StateWaiting, run.StateSucceeded, run.StateFailed,
		run.StateTimedOut, run.StateCancelled, run.StateLost, run.StateSkipped, run.StateDead,
	}
}

// stateColumn is a state as the file holds it: a number, or the word if it has
// none.
func stateColumn(s run.State) any {
	if i := slices.Index(states(), s); i >= 0 {
		return int64(i + 1)
	}
	return string(s)
}

// stateOf is the other way round.
func stateOf(column any) run.State {
	switch v := column.(type) {
	case int64:
		if all := states(); v >= 1 && int(v) <= len(all) {
			return all[v-1]
		}
	case string:
		return run.State(v)
	case []byte:
		return run.State(v)
	}
	return ""
}

// class is what a state counts as.
type class int

const (
	classOther class = iota // unfinished or cancelled
	classSucceeded
	classFailed
	classSkipped
)

func classOf(s run.State) class {
	switch s {
	case run.StateSucceeded:
		return classSucceeded
	case run.StateDead, run.StateFailed, run.StateTimedOut, run.StateLost:
		return classFailed
	case run.StateSkipped:
		return classSkipped
	case run.StateQueued, run.StateClaimed, run.StateStarted, run.StateWaiting, run.StateCancelled:
	}
	return classOther
}

package run_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
)

func TestEveryReasonHasWords(t *testing.T) {
	for _, r := range run.Reasons() {
		require.NotEqual(t, r, run.Words(r))
	}
}

// The end of the last attempt comes before what follows from it.
func TestWhyNamesWhatHappened(t *testing.T) {
	for want, tt := range map[string]struct {
		because string
		last    *run.Outcome
	}{
		"":                       {"", &run.Outcome{State: run.StateSucceeded}},
		"the worker was leaving": {run.ReasonDraining, &run.Outcome{State: run.StateLost, Reason: run.ReasonDraining}},
		"it ran longer than its timeout; no attempt was left": {
			run.ReasonAttemptsUsed, &run.Outcome{State: run.StateTimedOut, Signal: "SIGTERM"},
		},
		"it could not be started: command \"x\" was not found; no attempt was left": {
			run.ReasonAttemptsUsed, &run.Outcome{State: run.StateFailed, StartFailure: `command "x" was not found`},
		},
		"its command ended with exit code 3": {"", &run.Outcome{State: run.StateFailed, ExitCode: 3}},
		"it was ended by SIGKILL":            {"", &run.Outcome{State: run.StateFailed, Signal: "SIGKILL"}},
		"no worker of its cluster lives":     {run.ReasonNoWorker, nil},
	} {
		require.Equal(t, want, run.Why(tt.because, tt.last))
	}
}

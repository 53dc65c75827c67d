package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

// Who follows a run waits for the output of its last attempt that had some.
func TestLastToWrite(t *testing.T) {
	silent := ledger.Attempt{Outcome: &run.Outcome{State: run.StateSucceeded}}
	spoke := ledger.Attempt{Outcome: &run.Outcome{State: run.StateFailed, OutputBytes: 1}}
	lost := ledger.Attempt{Outcome: &run.Outcome{State: run.StateLost}}
	untold := ledger.Attempt{}
	for name, tt := range map[string]struct {
		attempts []ledger.Attempt
		want     int
	}{
		"skipped":             {nil, 0},
		"silent":              {[]ledger.Attempt{silent}, 0},
		"spoke":               {[]ledger.Attempt{spoke}, 1},
		"spoke twice":         {[]ledger.Attempt{spoke, spoke}, 2},
		"spoke, then silent":  {[]ledger.Attempt{spoke, silent}, 1},
		"lost":                {[]ledger.Attempt{silent, lost}, 2},
		"ended without a say": {[]ledger.Attempt{silent, untold}, 2},
	} {
		require.Equal(t, tt.want, LastToWrite(&ledger.Run{Attempts: tt.attempts}), name)
	}
}

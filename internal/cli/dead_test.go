package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

func TestADeadRunIsRequeuedTwiceOnlyWhenAskedTo(t *testing.T) {
	letters := []query.DeadLetter{{DeadLetter: run.DeadLetter{Run: &run.Run{ID: "3f2a9c1e", Job: "backup"}}, Requeued: true}}
	named := deadRuns{ID: "3f2a"}
	_, err := named.choose(letters, false)
	require.ErrorContains(t, err, "--again")
	chosen, err := named.choose(letters, true)
	require.NoError(t, err)
	require.Len(t, chosen, 1)
}

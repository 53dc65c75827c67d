package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

func TestADeadRunIsRequeuedTwiceOnlyWhenAskedTo(t *testing.T) {
	letters := []query.DeadLetter{{DeadLetter: run.DeadLetter{Run: &run.Run{ID: "3f2a9c1e", Job: "backup"}}, Requeued: true}}
	_, err := (&deadRequeueCmd{ID: "3f2a"}).choose(letters)
	require.ErrorContains(t, err, "--again")
	chosen, err := (&deadRequeueCmd{ID: "3f2a", Again: true}).choose(letters)
	require.NoError(t, err)
	require.Len(t, chosen, 1)
}

package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
)

func TestEveryReasonHasWords(t *testing.T) {
	for _, r := range run.Reasons() {
		require.NotEqual(t, r, reason(r))
	}
}

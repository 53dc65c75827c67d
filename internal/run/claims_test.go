package run_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/run"
)

// Rows say of every number what a plain set of them would.
func TestRowsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 60
		draw := func(name string) []int64 {
			return rapid.SliceOfN(rapid.Int64Range(1, most), 0, most).Draw(t, name)
		}
		held, started := draw("held"), draw("started")
		c := run.Claims{
			Last: rapid.Int64Range(0, most+2).Draw(t, "last"),
			Held: run.Rows(slices.Clone(held)), Started: run.Rows(slices.Clone(started)),
		}
		for n := int64(0); n <= most+3; n++ {
			held := slices.Contains(held, n) || slices.Contains(started, n)
			require.Equal(t, n <= c.Last && !held, c.Lacks(n), "%d of %v", n, c)
		}
		for _, rows := range [][]run.Row{c.Held, c.Started} {
			for i, r := range rows {
				require.LessOrEqual(t, r[0], r[1])
				require.False(t, i > 0 && r[0] <= rows[i-1][1]+1, "%v could be fewer", rows)
			}
		}
		c.Unlisted = 1
		require.False(t, c.Lacks(most+1))
	})
}

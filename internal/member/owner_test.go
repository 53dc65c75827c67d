package member_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/member"
)

// Every process of every release must arrive at the same owners.
func TestAssignStaysAsItIs(t *testing.T) {
	require.Equal(t, []string{"s1", "s1"}, member.Assign([]string{"s1"}, 2))
	require.Equal(t, golden(), member.Assign([]string{"s1", "s2", "s3"}, 8))
	require.Equal(t, golden(), member.Assign([]string{"s3", "s1", "s2"}, 8), "the order does not count")
	require.Empty(t, member.Assign([]string{"s1"}, 0))
}

func TestAssign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.Int32Range(1, 64).Draw(t, "shards")
		live := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9.-]{1,12}`), 1, 12, rapid.ID[string]).Draw(t, "live")
		owners := member.Assign(live, shards)
		balanced(t, owners, live)

		left := slices.Clone(live)
		gone := rapid.IntRange(0, len(left)-1).Draw(t, "gone")
		left = slices.Delete(left, gone, gone+1)
		after := member.Assign(left, shards)
		balanced(t, after, left)
		if len(left) == 0 {
			return
		}
		moved := 0
		for p := range owners {
			if owners[p] != live[gone] && owners[p] != after[p] {
				moved++
			}
		}
		// The bound on what each owns moves some of the survivors' shards,
		// never as many as the change itself does, and one for each of them.
		fair := (int(shards) + len(live) - 1) / len(live)
		require.LessOrEqual(t, moved, fair+len(live), "%d of %d shards moved between the %d that stay", moved, shards, len(left))
	})
}

func balanced(t *rapid.T, owners, live []string) {
	count := map[string]int{}
	for p, owner := range owners {
		if len(live) == 0 {
			require.Empty(t, owner)
			continue
		}
		require.Contains(t, live, owner, fmt.Sprint("the owner of shard ", p))
		count[owner]++
	}
	if len(live) == 0 {
		return
	}
	for id, n := range count {
		require.LessOrEqual(t, n, (len(owners)+len(live)-1)/len(live), "%s owns too many", id)
	}
}

func golden() []string { return []string{"s2", "s3", "s3", "s2", "s2", "s1", "s3", "s1"} }

package tail

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/history"
)

// TestAnEndWithoutRecords says that a partition whose last offsets hold nothing,
// as compaction leaves them, counts as read once there is nothing else to read
// for some looks; and not while something is.
func TestAnEndWithoutRecords(t *testing.T) {
	p := place{"belfry.state", 3}
	begin := func() *reach {
		return &reach{
			next: map[place]int64{p: 7}, from: map[place]int64{p: 7}, until: map[place]int64{p: 10}, ends: map[place]int64{},
			gaps: map[place]gap{}, looked: true, idle: true,
		}
	}
	r := begin()
	for range gapLooks {
		r.ended(p, 10)
		require.False(t, r.settle())
	}
	r.ended(p, 12) // what came since may be read yet
	require.True(t, r.settle())
	require.EqualValues(t, 10, r.next[p])

	r = begin()
	for i := range 3 * gapLooks {
		r.idle = i%2 == 0
		r.ended(p, 10)
	}
	require.False(t, r.settle(), "others are being read")
	r.idle = true
	r.ended(p, 10)
	r.passed(&history.Record{Topic: p.topic, Partition: p.partition, Offset: 8})
	for range gapLooks {
		r.ended(p, 10)
		require.False(t, r.settle(), "it moves on")
	}
}

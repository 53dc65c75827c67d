package claim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/claim"
)

func TestMemoryDoubtsWhatMayHaveBeenClaimed(t *testing.T) {
	for name, tt := range map[string]struct {
		committed, start, end int64
		lost                  bool
		doubts                int64 // all offsets below
	}{
		"goes on":               {committed: 7, start: 2, end: 9, doubts: 7},
		"at the end":            {committed: 9, start: 2, end: 9, doubts: 9},
		"new and empty":         {committed: claim.None, start: 0, end: 0},
		"forgotten":             {committed: claim.None, start: 0, end: 9, lost: true, doubts: 9},
		"retention was faster":  {committed: 1, start: 2, end: 9, lost: true, doubts: 9},
		"Kafka has lost more":   {committed: 10, start: 2, end: 9, lost: true, doubts: 9},
		"forgotten, none there": {committed: claim.None, start: 9, end: 9, doubts: 9},
	} {
		t.Run(name, func(t *testing.T) {
			var m claim.Memory
			require.False(t, m.Doubts(3, 0))
			require.Equal(t, tt.lost, m.Recall(3, tt.committed, tt.start, tt.end))
			require.True(t, tt.doubts == 0 || m.Doubts(3, tt.doubts-1))
			require.False(t, m.Doubts(3, tt.doubts))
			require.False(t, m.Doubts(4, 0), "another partition")
			m.Claimed(3, 20)
			require.True(t, m.Doubts(3, 19), "claimed, and comes again")
			require.False(t, m.Doubts(3, 20))
		})
	}
}

// Control is known up to the latest end that was reached; a topic that always
// grows is no excuse to know nothing.
func TestHearing(t *testing.T) {
	var h claim.Hearing
	_, news := h.Read(5)
	require.False(t, news, "no end was looked up")
	asked, news := h.Ended(time.Second, 5)
	require.True(t, news)
	require.Equal(t, time.Second, asked)
	_, news = h.Ended(2*time.Second, 7)
	require.False(t, news)
	_, news = h.Ended(3*time.Second, 9)
	require.False(t, news)
	_, news = h.Read(6)
	require.False(t, news)
	asked, news = h.Read(8)
	require.True(t, news)
	require.Equal(t, 2*time.Second, asked)
	for i := range 100 {
		h.Ended(time.Duration(4+i)*time.Second, int64(10+i))
	}
	asked, news = h.Read(9)
	require.True(t, news)
	require.Equal(t, 3*time.Second, asked)
	asked, _ = h.Read(200)
	require.Equal(t, 103*time.Second, asked, "the latest counts")
}

package kafka

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestWindowBegins(t *testing.T) {
	w := Window{Least: 10, Most: 100}
	for _, tt := range []struct{ since, end, want int64 }{
		{since: 950, end: 1000, want: 950},
		{since: 995, end: 1000, want: 990},  // too few
		{since: -1, end: 1000, want: 990},   // this clock is ahead of all others
		{since: 0, end: 1000, want: 900},    // too many
		{since: 1000, end: 1000, want: 990}, // none
		{since: -1, end: 0, want: 0},
		{since: 3, end: 5, want: 0},
	} {
		require.Equal(t, tt.want, w.begin(tt.since, tt.end), "%+v", tt)
	}
}

func TestRecentBeginsAtAnInstant(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "beats"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	cl, err := Options{Brokers: c.ListenAddrs()}.Client()
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	now := time.Now()
	for i := range 50 {
		r := &kgo.Record{Topic: "beats", Partition: 1, Key: fmt.Append(nil, i), Timestamp: now.Add(time.Duration(i-50) * time.Minute)}
		require.NoError(t, cl.ProduceSync(t.Context(), r).FirstErr())
	}
	for _, tt := range []struct {
		window Window
		want   int64
	}{
		{Window{Since: now.Add(-10 * time.Minute), Most: 100}, 40},
		{Window{Since: now.Add(-10 * time.Minute), Most: 5}, 45},
		{Window{Since: now.Add(time.Hour), Least: 7, Most: 100}, 43},
		{Window{Since: now.Add(-24 * time.Hour), Most: 100}, 0},
	} {
		from, err := Recent(t.Context(), cl, "beats", tt.window)
		require.NoError(t, err)
		require.Equal(t, map[int32]int64{0: 0, 1: tt.want}, from)
	}
}

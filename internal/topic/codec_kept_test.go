package topic_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// A codec that is kept writes and reads, record after record, what the
// functions do.
func TestKeptCodecAgrees(t *testing.T) {
	c := topic.NewCodec()
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for i := range 3 {
		ev := run.Event{Type: run.EventFinished, Job: "backup", At: now, Attempt: i}
		if i > 0 {
			ev.Outcome = &run.Outcome{State: run.StateSucceeded, CPUTime: time.Duration(i) * time.Second}
		}
		want, err := topic.EncodeEvent(ev)
		require.NoError(t, err)
		got, err := c.EncodeEvent(ev)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
		decoded, err := c.DecodeEvent(got)
		require.NoError(t, err)
		ev.V = topic.Version
		require.Equal(t, ev, decoded)

		r := run.Run{ID: "id", Job: "backup", Cluster: "cluster-a", Attempt: 1, Command: []string{"true"}, Timeout: time.Duration(i) * time.Minute}
		want, err = topic.EncodeRun(r)
		require.NoError(t, err)
		got, err = c.EncodeRun(r)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
		back, err := c.DecodeRun(got, "cluster-a")
		require.NoError(t, err)
		r.V = topic.Version
		require.Equal(t, r, back)
	}
	_, err := c.DecodeEvent([]byte(`{"v":99,"type":"claimed","job":"backup"}`))
	require.ErrorIs(t, err, topic.ErrVersion)
}

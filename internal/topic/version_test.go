package topic_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// TestOnlyWhatOthersMustNotLeaveOutIsOfALaterVersion: a release before reads all
// else, and leaves alone what it would act on wrongly.
func TestOnlyWhatOthersMustNotLeaveOutIsOfALaterVersion(t *testing.T) {
	own := &shard.Own{Env: map[string]string{"A": "1"}}
	for name, c := range map[string]struct {
		state shard.JobState
		want  int
	}{
		"nothing new":              {shard.JobState{Job: "a", Watch: &shard.Watch{}}, 2},
		"a run with its own":       {shard.JobState{Job: "a", Active: []shard.Active{{ID: "r", Own: own}}}, 3},
		"a deferred with its own":  {shard.JobState{Job: "a", Deferred: []shard.Deferred{{ID: "r", Own: own}}}, 3},
		"a backfill":               {shard.JobState{Job: "a", Backfills: []shard.Backfill{{}}}, 3},
		"a run of a backfill gone": {shard.JobState{Job: "a", Active: []shard.Active{{ID: "r", Backfill: "b"}}}, 2},
	} {
		value, err := topic.EncodeState(c.state)
		require.NoError(t, err)
		st, err := topic.DecodeState(value)
		require.NoError(t, err)
		require.Equal(t, c.want, st.V, name)
	}
	for want, r := range map[int]run.Request{
		1: {Type: run.RequestBackfill, ID: "x", Job: "a", From: time.Unix(0, 0)},
		2: {Type: run.RequestRun, ID: "x", Job: "a", Env: map[string]string{"A": "1"}},
	} {
		value, err := topic.EncodeRequest(r)
		require.NoError(t, err)
		got, err := topic.DecodeRequest(value)
		require.NoError(t, err)
		require.Equal(t, want, got.V)
	}
}

package topic_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// TestWhatIsWrittenIsRead: no length of an error, no byte in it and no instant
// that was computed keeps a record from being written and read.
func TestWhatIsWrittenIsRead(t *testing.T) {
	long := strings.Repeat("/tmp/\xff\x00é", 50_000)
	late := time.Date(12_000, 1, 1, 0, 0, 0, 0, time.UTC)
	early := time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)
	outcome := &run.Outcome{State: run.StateFailed, StartFailure: long, Reason: long, Tail: long}
	short := *outcome

	value, err := topic.EncodeEvent(run.Event{
		Type: run.EventFinished, Job: "a", Reason: long, Outcome: outcome, Due: early, NotBefore: late, Through: late,
	})
	require.NoError(t, err)
	ev, err := topic.DecodeEvent(value)
	require.NoError(t, err)
	require.Equal(t, 9999, ev.NotBefore.Year())
	require.Equal(t, 0, ev.Due.Year())
	require.True(t, strings.HasPrefix(ev.Outcome.StartFailure, "/tmp/"))
	require.Greater(t, len(ev.Outcome.StartFailure), 3000)
	require.Equal(t, &short, outcome, "the caller's is as it was")

	value, err = topic.EncodeDeadLetter(run.DeadLetter{Reason: long, Outcome: outcome, Run: &run.Run{ID: "a", Deadline: late}})
	require.NoError(t, err)
	_, err = topic.DecodeDeadLetter(value)
	require.NoError(t, err)

	value, err = topic.EncodeRun(run.Run{ID: "a", Job: "a", Attempt: 1, Command: []string{"true"}, NotBefore: late, Deadline: late})
	require.NoError(t, err)
	_, err = topic.DecodeRun(value, "a")
	require.NoError(t, err)

	active := []shard.Active{{ID: "a", NotBefore: late}}
	value, err = topic.EncodeState(shard.JobState{Job: "a", Through: late, Active: active})
	require.NoError(t, err)
	_, err = topic.DecodeState(value)
	require.NoError(t, err)
	require.Equal(t, late, active[0].NotBefore, "the caller's are as they were")

	value, err = topic.EncodeRequest(run.Request{Type: run.RequestRun, ID: "a", Job: "a", By: long})
	require.NoError(t, err)
	_, err = topic.DecodeRequest(value)
	require.NoError(t, err)
	value, err = topic.EncodeControl(run.Control{Type: run.ControlRecall, Reason: long})
	require.NoError(t, err)
	_, err = topic.DecodeControl(value)
	require.NoError(t, err)
}

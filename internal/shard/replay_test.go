package shard_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// A record that says it was written by an owner of the shard, and cannot have
// been, must not move what the next owner counts on from.
func TestEventsThatNoOwnerWroteAreNotReplayed(t *testing.T) {
	forged := map[string]run.Event{
		"read beyond its own place": {Step: 6, Read: 1 << 60},
		"a step far ahead":          {Step: 1 << 60, Read: 3},
	}
	for name, ev := range forged {
		t.Run(name, func(t *testing.T) {
			core := shard.New(shard.Config{Shard: 3, By: "s1"}, []shard.JobState{{Job: "a", Step: 5, Read: 2}})
			ev.Type, ev.Job, ev.Run, ev.Fence = run.EventEnqueued, "a", run.NewID("a", midnight(), ""), 1
			core.Replay(run.Logged{Event: ev, Offset: 9})
			require.Equal(t, int64(2), core.EndReplay(2, 0))
			require.Zero(t, core.Unfinished())
		})
	}
}

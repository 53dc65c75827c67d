package shard

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// What is packed comes back as it was, whoever wrote it.
func TestPackedStatesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawState(t)
		got := unpack(want.Job, string(pack(nil, &want)))
		require.Empty(t, cmp.Diff(&want, got))
	})
}

// An idle job of the usual kind takes few bytes: there may be a million.
func TestPackedStatesAreSmall(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)
	st := JobState{V: 1, Job: "backup", Version: "0123456789ab", Through: now, Fence: now.UnixMicro()}
	require.Less(t, len(pack(nil, &st)), 40)
	for range maxRecent {
		st.remember(Summary{ID: run.NewID("backup", now, ""), Due: now, State: run.StateSucceeded, Attempts: 1, EndedAt: now}, "")
	}
	require.Less(t, len(pack(nil, &st)), 450)
}

func drawState(t *rapid.T) JobState {
	id := rapid.Custom(func(t *rapid.T) run.ID {
		if rapid.Bool().Draw(t, "foreign") {
			return run.ID(rapid.String().Draw(t, "id"))
		}
		return run.NewID(rapid.String().Draw(t, "job"), time.Unix(1, 0), "")
	})
	at := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "no time") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "second"),
			rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond")).UTC()
	})
	state := rapid.SampledFrom([]run.State{run.StateSucceeded, run.StateDead, run.StateLost, "of a newer release", ""})
	st := JobState{
		V: rapid.IntRange(0, 1).Draw(t, "v"), Job: "backup", Through: at.Draw(t, "through"),
		Version: rapid.SampledFrom([]string{"", "0123456789ab", "0123456789AB", "abc", "other"}).Draw(t, "version"),
		Paused:  rapid.Bool().Draw(t, "paused"), Fence: rapid.Int64().Draw(t, "fence"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "deferred") {
		st.Deferred = append(st.Deferred, Deferred{ID: id.Draw(t, "id"), Due: at.Draw(t, "due"), Trigger: run.TriggerManual})
	}
	for range rapid.IntRange(0, maxRecent).Draw(t, "recent") {
		st.Recent = append(st.Recent, Summary{
			ID: id.Draw(t, "id"), Due: at.Draw(t, "due"), State: state.Draw(t, "state"),
			Attempts: rapid.Int().Draw(t, "attempts"), EndedAt: at.Draw(t, "ended"),
			Took: time.Duration(rapid.IntRange(0, 1_000_000).Draw(t, "took")) * time.Millisecond,
		})
	}
	if rapid.Bool().Draw(t, "watched") {
		st.Watch = &Watch{
			Since: at.Draw(t, "since"), Success: at.Draw(t, "success"), SuccessDue: at.Draw(t, "success due"),
			Failures: rapid.Int().Draw(t, "failures"), Skips: rapid.Int().Draw(t, "skips"), SkipsFrom: at.Draw(t, "skips from"),
			NotDone: at.Draw(t, "not done"), NoSuccess: at.Draw(t, "no success"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "open") {
			st.Watch.Open = append(st.Watch.Open, Incident{
				ID: rapid.String().Draw(t, "incident"), When: job.WhenFailing, Since: at.Draw(t, "open since"),
				To: rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "to"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "held") {
			st.Watch.Held = append(st.Watch.Held, HeldBack{
				Rule: rapid.Int().Draw(t, "rule"), When: job.WhenLate, At: at.Draw(t, "told"), Count: rapid.Int().Draw(t, "count"),
			})
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "requests") {
		st.Requests = append(st.Requests, rapid.String().Draw(t, "request"))
	}
	return st
}

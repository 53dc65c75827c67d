package run_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/run"
)

// Run IDs name records, recalls and side effects of every release: they must
// never change.
func TestIDsStayAsTheyAre(t *testing.T) {
	due := time.Date(2026, 11, 21, 0, 10, 0, 0, time.UTC)
	zurich := time.FixedZone("CET", 3600)
	tests := []struct {
		name, job, request string
		due                time.Time
		want               run.ID
	}{
		{"scheduled", "backup", "", due, "4c9acd9f-6cf6-5a07-a3fe-71db76389c54"},
		{"in another zone", "backup", "", due.In(zurich), "4c9acd9f-6cf6-5a07-a3fe-71db76389c54"},
		{"asked for", "backup", "r1", due, "6100a2c0-5265-54d0-ae2d-c451bb349ebb"},
		{"another job", "backup/db", "", due, "9bf9d4f5-3c65-52bc-ad53-d3bd1012d2a2"},
		{"a fraction of a second", "backup", "", due.Add(time.Millisecond), "772d9a63-3287-5b16-9bef-d8e287e3215c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, run.NewID(tt.job, tt.due, tt.request))
		})
	}
}

func TestIDsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type subject struct {
			job, request string
			second       int64
		}
		draw := func(label string) subject {
			return subject{
				job:     rapid.StringMatching(`[a-z]{1,3}`).Draw(t, label+" job"),
				request: rapid.StringMatching(`[a-z]{0,2}`).Draw(t, label+" request"),
				second:  rapid.Int64Range(0, 3).Draw(t, label+" due"),
			}
		}
		id := func(s subject) run.ID { return run.NewID(s.job, time.Unix(s.second, 0), s.request) }
		a, b := draw("a"), draw("b")
		require.Equal(t, a == b, id(a) == id(b), "%+v and %+v", a, b)
	})
}

func TestKeys(t *testing.T) {
	k := run.Key{ID: "6dc52117-8119-59b5-aec4-4955c1e82183", Fence: 7}
	require.Equal(t, "6dc52117-8119-59b5-aec4-4955c1e82183:7", k.String())
	require.Equal(t, k, (&run.Run{ID: k.ID, Fence: 7}).Key())
	require.Equal(t, k, (&run.Event{Run: k.ID, Fence: 7}).Key())
}

func TestFinalStates(t *testing.T) {
	final := map[run.State]bool{
		run.StateQueued: false, run.StateClaimed: false, run.StateStarted: false, run.StateWaiting: false,
		run.StateSucceeded: true, run.StateFailed: true, run.StateTimedOut: true, run.StateCancelled: true,
		run.StateLost: true, run.StateSkipped: true, run.StateDead: true, "of a later version": false, "": false,
	}
	for state, want := range final {
		require.Equal(t, want, state.Final(), "%q", state)
	}
}

func TestWhoWritesEvents(t *testing.T) {
	workers := map[run.EventType]bool{
		run.EventClaimed: true, run.EventStarting: true, run.EventFinished: true, run.EventReturned: true,
		run.EventDropped: true, run.EventEnqueued: false, run.EventSkipped: false, run.EventRecalling: false,
		run.EventRetrying: false, run.EventLost: false, run.EventDeferred: false, run.EventEnded: false,
		run.EventLate: false, "of a later version": false,
	}
	for kind, want := range workers {
		require.Equal(t, want, kind.FromWorker(), "%q", kind)
	}
}

package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestPackedRunsComeBack says that a body holds all of a run but what the row
// holds, and but the tails of successes.
func TestPackedRunsComeBack(t *testing.T) {
	p := newPacker()
	rapid.Check(t, func(t *rapid.T) {
		want := anyRun(t)
		got := ledger.Run{ID: want.ID, Job: want.Job, Cluster: want.Cluster}
		require.NoError(t, p.unpack(p.pack(&want), &got))
		for i := range want.Attempts {
			if o := want.Attempts[i].Outcome; o != nil && o.State == run.StateSucceeded {
				o.Tail = ""
			}
		}
		require.Equal(t, want, got)
	})
}

// TestDamagedBodiesAreErrors cuts bodies, and writes over a byte of them.
func TestDamagedBodiesAreErrors(t *testing.T) {
	p := newPacker()
	rapid.Check(t, func(t *rapid.T) {
		r := anyRun(t)
		body := p.pack(&r)
		cut := rapid.IntRange(0, len(body)-1).Draw(t, "cut")
		require.Error(t, p.unpack(body[:cut], &ledger.Run{}))
		body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		_ = p.unpack(body, &ledger.Run{}) // must not panic or take all memory
	})
}

func anyRun(t *rapid.T) ledger.Run {
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(-62_000_000_000, 253_402_300_799).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
	word := func(name string) string {
		return rapid.OneOf(rapid.SampledFrom(words()), rapid.String()).Draw(t, name)
	}
	r := ledger.Run{
		ID: run.ID(rapid.String().Draw(t, "id")), Job: "j", Cluster: "c", Due: instant.Draw(t, "due"),
		Trigger: run.Trigger(word("trigger")), State: run.State(word("state")), Reason: word("reason"),
		EnqueuedAt: instant.Draw(t, "enqueued"), EndedAt: instant.Draw(t, "ended"), NotBefore: instant.Draw(t, "not before"),
		Hops: rapid.Int().Draw(t, "hops"), Fence: rapid.Int64().Draw(t, "fence"), NotesCut: rapid.Int().Draw(t, "cut"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "attempts") {
		a := ledger.Attempt{
			Number: rapid.Int().Draw(t, "number"), Fence: rapid.Int64().Draw(t, "fence"), State: run.State(word("state")),
			Worker: word("worker"), EnqueuedAt: instant.Draw(t, "enqueued"), NotBefore: instant.Draw(t, "not before"),
			ClaimedAt: instant.Draw(t, "claimed"), StartedAt: instant.Draw(t, "started"),
		}
		if rapid.Bool().Draw(t, "outcome") {
			a.Outcome = &run.Outcome{
				State: run.State(word("state")), ExitCode: rapid.Int().Draw(t, "exit"), Signal: word("signal"),
				StartFailure: word("failure"), Reason: word("reason"), StartedAt: instant.Draw(t, "started"), EndedAt: instant.Draw(t, "ended"),
				CPUTime: time.Duration(rapid.Int64().Draw(t, "cpu")), PeakMemoryBytes: rapid.Int64().Draw(t, "peak"),
				OutputBytes: rapid.Int64().Draw(t, "bytes"), OutputCutBytes: rapid.Int64().Draw(t, "cut"), Tail: word("tail"),
			}
		}
		r.Attempts = append(r.Attempts, a)
	}
	for range rapid.IntRange(0, 3).Draw(t, "notes") {
		r.Notes = append(r.Notes, ledger.Note{
			At: instant.Draw(t, "at"), Type: run.EventType(word("type")), Attempt: rapid.Int().Draw(t, "attempt"),
			By: word("by"), Reason: word("reason"),
		})
	}
	return r
}

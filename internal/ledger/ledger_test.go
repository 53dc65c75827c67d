package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestScenarios folds the events of each scenario file, one line each, and
// prints what the ledger makes of them.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		l := ledger.New(ledger.Options{})
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "new":
				var o ledger.Options
				d.MaybeScanArgs(t, "per-job", &o.PerJob)
				l = ledger.New(o)
				return ""
			case "fold":
				for line := range strings.Lines(d.Input) {
					l.Fold(parseEvent(t, line))
				}
				return printed(l)
			case "entries":
				var from, to string
				d.ScanArgs(t, "from", &from)
				d.ScanArgs(t, "to", &to)
				return printEntries(l.Entries("j", clock(t, from), clock(t, to)))
			}
			t.Fatalf("unknown command %q", d.Cmd)
			return ""
		})
	})
}

// TestFoldNeverPanicsOrGrows feeds events in any order, as a trimmed or
// damaged log would, and checks the bound.
func TestFoldNeverPanicsOrGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ledger.New(ledger.Options{PerJob: 3})
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			l.Fold(run.Event{
				Job: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "job"),
				Run: run.ID(rapid.StringMatching(`[a-e]?`).Draw(t, "run")),
				Type: rapid.SampledFrom([]run.EventType{
					run.EventEnqueued, run.EventSkipped, run.EventRecalling, run.EventRetrying, run.EventLost,
					run.EventEnded, run.EventLate, run.EventClaimed, run.EventStarting, run.EventFinished,
					run.EventReturned, run.EventDropped, "unheard_of",
				}).Draw(t, "type"),
				Attempt: rapid.IntRange(0, 3).Draw(t, "attempt"),
				Fence:   int64(rapid.IntRange(0, 5).Draw(t, "fence")),
				At:      time.Unix(int64(rapid.IntRange(1, 9).Draw(t, "at")), 0),
				State:   run.StateDead,
			})
		}
		require.LessOrEqual(t, len(l.Runs()), 6)
		require.LessOrEqual(t, len(l.Skips()), 6)
		for _, r := range l.Runs() {
			require.LessOrEqual(t, len(r.Notes), ledger.MaxNotes)
		}
	})
}

// TestAnswersStay says that an answer given is not changed by later events.
func TestAnswersStay(t *testing.T) {
	l := ledger.New(ledger.Options{})
	l.Fold(parseEvent(t, "enqueued run=a attempt=1 fence=1 at=10:00:00 due=10:00:05"))
	before, ok := l.Run("a")
	require.True(t, ok)
	l.Fold(parseEvent(t, "claimed run=a attempt=1 fence=1 at=10:00:01 by=w1"))
	require.Equal(t, run.StateQueued, before.Attempts[0].State)
}

// TestPutGoesOn folds some events into one ledger, the rest into another that
// the runs were put into, and compares with a ledger that folded all.
func TestPutGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(anyEvent), 0, 30).Draw(t, "events")
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		whole, first, second := ledger.New(ledger.Options{}), ledger.New(ledger.Options{}), ledger.New(ledger.Options{})
		for i, e := range events {
			whole.Fold(e)
			if i < cut {
				first.Fold(e)
			}
		}
		for _, r := range first.Runs() {
			second.Put(r)
		}
		for _, e := range events[cut:] {
			second.Fold(e)
		}
		require.Equal(t, whole.Runs(), second.Runs())
	})
}

func anyEvent(t *rapid.T) run.Event {
	return run.Event{
		Job: "a",
		Run: run.ID(rapid.StringMatching(`[a-c]`).Draw(t, "run")),
		Type: rapid.SampledFrom([]run.EventType{
			run.EventEnqueued, run.EventRecalling, run.EventRetrying, run.EventLost, run.EventEnded, run.EventClaimed,
			run.EventStarting, run.EventFinished, run.EventReturned,
		}).Draw(t, "type"),
		Attempt: rapid.IntRange(0, 3).Draw(t, "attempt"),
		Fence:   int64(rapid.IntRange(0, 5).Draw(t, "fence")),
		At:      time.Unix(int64(rapid.IntRange(1, 9).Draw(t, "at")), 0),
		State:   run.StateDead,
	}
}

func clock(t *testing.T, s string) time.Time {
	at, err := time.Parse(time.TimeOnly, s)
	require.NoError(t, err)
	return at.AddDate(2026, 0, 0)
}

func parseEvent(t *testing.T, line string) run.Event {
	fields := strings.Fields(line)
	e := run.Event{Type: run.EventType(fields[0]), Job: "j"}
	for _, field := range fields[1:] {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "run":
			e.Run = run.ID(value)
		case "due":
			e.Due = clock(t, value)
		case "through":
			e.Through = clock(t, value)
		case "at":
			e.At = clock(t, value)
		case "not-before":
			e.NotBefore = clock(t, value)
		case "by":
			e.By = value
		case "reason":
			e.Reason = value
		case "state":
			e.State = run.State(value)
		case "outcome":
			e.Outcome = &run.Outcome{State: run.State(value)}
		case "exit":
			_, err := fmt.Sscan(value, &e.Outcome.ExitCode)
			require.NoError(t, err)
		case "attempt":
			_, err := fmt.Sscan(value, &e.Attempt)
			require.NoError(t, err)
		case "fence":
			_, err := fmt.Sscan(value, &e.Fence)
			require.NoError(t, err)
		case "hops":
			_, err := fmt.Sscan(value, &e.Hops)
			require.NoError(t, err)
		case "count":
			_, err := fmt.Sscan(value, &e.Count)
			require.NoError(t, err)
		default:
			t.Fatalf("unknown field %q", key)
		}
	}
	return e
}

func printed(l *ledger.Ledger) string {
	var b strings.Builder
	for _, r := range l.Runs() {
		printRun(&b, &r)
	}
	for _, s := range l.Skips() {
		printSkip(&b, &s)
	}
	if l.Dropped() > 0 {
		fmt.Fprintf(&b, "dropped %d\n", l.Dropped())
	}
	return b.String()
}

func printRun(b *strings.Builder, r *ledger.Run) {
	fmt.Fprintf(b, "run %s due %s: %s", r.ID, r.Due.Format(time.TimeOnly), r.State)
	if r.Reason != "" {
		fmt.Fprintf(b, " (%s)", r.Reason)
	}
	if r.Hops > 0 {
		fmt.Fprintf(b, " hops %d", r.Hops)
	}
	if !r.Ended() {
		b.WriteString(" open")
	}
	b.WriteByte('\n')
	for _, a := range r.Attempts {
		fmt.Fprintf(b, "  #%d fence %d: %s", a.Number, a.Fence, a.State)
		if a.Worker != "" {
			fmt.Fprintf(b, " at %s", a.Worker)
		}
		if late, ok := a.Lateness(); ok {
			fmt.Fprintf(b, " late %s", late)
		}
		if a.Outcome != nil {
			fmt.Fprintf(b, " exit %d", a.Outcome.ExitCode)
		}
		b.WriteByte('\n')
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "  note %s by %q: %s\n", n.Type, n.By, n.Reason)
	}
}

func printSkip(b *strings.Builder, s *ledger.Skip) {
	fmt.Fprintf(b, "skip %s..%s ×%d: %s\n",
		s.Due.Format(time.TimeOnly), s.Through.Format(time.TimeOnly), s.Count, s.Reason)
}

func printEntries(entries []ledger.Entry) string {
	var b strings.Builder
	for _, e := range entries {
		if e.Run != nil {
			printRun(&b, e.Run)
		} else {
			printSkip(&b, e.Skip)
		}
	}
	return b.String()
}

package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// TestVerdicts: every due time of the schedule is answered for, once, with
// the best that can be said of it.
func TestVerdicts(t *testing.T) {
	at := func(clock string) time.Time {
		parsed, err := time.Parse(time.TimeOnly, clock)
		require.NoError(t, err)
		return parsed.AddDate(2026, 5, 5)
	}
	def := Definition{Name: "j", Zone: time.UTC, Job: &topic.Job{
		AppliedAt: at("10:00:30"), Job: job.Job{Name: "j", Schedule: "* * * * *", Timezone: "UTC"},
	}}
	var err error
	def.Times, err = def.Job.Job.Compile()
	require.NoError(t, err)
	e := &Explanation{def: def, now: at("10:07:30"), through: at("10:05:00"), ledger: ledger.New(ledger.Options{})}
	e.ledger.Fold(run.Event{Type: run.EventEnqueued, Job: "j", Run: "a", Due: at("10:01:00"), Attempt: 1, Fence: 1, Trigger: run.TriggerCatchUp})
	e.ledger.Fold(run.Event{Type: run.EventSkipped, Job: "j", Due: at("10:02:00"), Through: at("10:03:00"), Count: 2, Reason: run.ReasonMissed})
	e.ledger.Fold(run.Event{Type: run.EventSkipped, Job: "j", Run: "b", Due: at("10:04:00"), Reason: run.ReasonOverlap})
	e.ledger.Fold(run.Event{Type: run.EventEnqueued, Job: "j", Run: "m", Due: at("10:04:17"), Attempt: 1, Fence: 2, Trigger: run.TriggerManual})

	verdicts := func(limit int) []string {
		var got []string
		for _, v := range e.Verdicts(at("09:58:00"), at("10:30:00"), limit) {
			line := v.Due.Format(time.TimeOnly) + " " + string(v.Fate)
			if v.Count > 0 {
				line += fmt.Sprintf(", %d through %s", v.Count, v.Through.Format(time.TimeOnly))
			}
			got = append(got, line)
		}
		return got
	}
	want := []string{
		"09:58:00 superseded, 3 through 10:00:00", // before the definition
		"10:01:00 queued",
		"10:02:00 skipped", // and 10:03:00 with it
		"10:04:00 skipped",
		"10:04:17 queued",
		"10:05:00 forgotten", // decided, events gone
		"10:06:00 undecided, 2 through 10:07:00",
		"10:08:00 pending", // and none of the later ones
	}
	require.Equal(t, want, verdicts(0))
	require.Equal(t, want[6:], verdicts(2))
	next, ok := e.Next(at("10:30:00"))
	require.True(t, ok)
	require.Equal(t, at("10:31:00"), next)
}

// TestARunIsNoneOfItsNeighbours: whatever state its events give it.
func TestARunIsNoneOfItsNeighbours(t *testing.T) {
	alike := ledger.Run{State: run.State(Undecided)}
	all := joined([]Verdict{
		{Entry: ledger.Entry{Run: &alike}, Fate: Undecided},
		{Fate: Undecided},
		{Fate: Undecided},
	})
	require.Len(t, all, 2)
	require.Equal(t, 2, all[1].Count)
}

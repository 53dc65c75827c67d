package run_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestEveryOccasionHasWords: a sentence that says what happened, with the times
// that matter.
func TestEveryOccasionHasWords(t *testing.T) {
	at := func(clock string) time.Time {
		parsed, err := time.Parse("15:04", clock)
		require.NoError(t, err)
		return time.Date(2026, 11, 21, parsed.Hour(), parsed.Minute(), 0, 0, time.UTC)
	}
	failed := &run.Outcome{State: run.StateFailed, ExitCode: 2}
	for _, c := range []struct {
		n    run.Notice
		says string
	}{
		{
			run.Notice{When: job.WhenFailing, Due: at("03:00"), Reason: run.ReasonAttemptsUsed, Outcome: failed, Count: 1},
			"the run due at 2026-11-21 03:00:00 UTC was given up: its command ended with exit code 2; no attempt was left",
		},
		{
			run.Notice{When: job.WhenFailed, Due: at("03:00"), Reason: run.ReasonAttemptsUsed, Outcome: failed, Count: 4, Held: 2},
			"the run due at 2026-11-21 03:00:00 UTC was given up: its command ended with exit code 2; no attempt was left (4 in a row); " +
				"2 more of the kind since the last notice",
		},
		{
			run.Notice{When: job.WhenRecovered, Due: at("04:00"), Count: 4, Since: at("01:00")},
			"succeeded with the run due at 2026-11-21 04:00:00 UTC, after 4 failures since 2026-11-21 01:00:00 UTC",
		},
		{run.Notice{When: job.WhenRecovered, Due: at("04:00")}, "succeeded with the run due at 2026-11-21 04:00:00 UTC"},
		{
			run.Notice{When: job.WhenLate, Due: at("03:00"), Since: at("03:00"), Until: at("03:10")},
			"the run due at 2026-11-21 03:00:00 UTC has not started 10m0s after its time",
		},
		{
			run.Notice{When: job.WhenMissed, Due: at("03:00"), Reason: run.ReasonNoWorker, Count: 1},
			"the due time 2026-11-21 03:00:00 UTC was not run: no worker of its cluster lives",
		},
		{
			run.Notice{When: job.WhenMissed, Due: at("03:00"), Reason: run.ReasonNoWorker, Count: 7},
			"7 due times from 2026-11-21 03:00:00 UTC on were not run: no worker of its cluster lives",
		},
		{
			run.Notice{When: job.WhenLong, Due: at("03:00"), Since: at("03:01")},
			"the run due at 2026-11-21 03:00:00 UTC takes longer than the last runs let expect: it started at 2026-11-21 03:01:00 UTC",
		},
		{
			run.Notice{When: job.WhenSkipped, Count: 3, Since: at("03:00"), Reason: run.ReasonReplaced},
			"3 due times in a row were passed over since 2026-11-21 03:00:00 UTC: a newer due time took its place",
		},
		{run.Notice{When: job.WhenNoSuccess, Until: at("05:00")}, "has not succeeded, which was expected by 2026-11-21 05:00:00 UTC"},
		{
			run.Notice{When: job.WhenNoSuccess, Since: at("02:00"), Until: at("05:00")},
			"has not succeeded since 2026-11-21 02:00:00 UTC; it was expected by 2026-11-21 05:00:00 UTC",
		},
		{
			run.Notice{When: job.WhenNotDone, Until: at("06:00"), Expected: at("06:20")},
			"will not be done by 2026-11-21 06:00:00 UTC; it probably will at 2026-11-21 06:20:00 UTC",
		},
		{run.Notice{When: job.WhenNotDone, Until: at("06:00")}, "will not be done by 2026-11-21 06:00:00 UTC: no run of it is left"},
		{run.Notice{When: run.WhenTest}, "this is a test: notices come through"},
		{run.Notice{When: "of_a_later_release"}, "of_a_later_release"},
	} {
		require.Equal(t, c.says, run.NoticeWords(&c.n))
	}
	for _, when := range job.Whens() {
		require.NotEqual(t, string(when), run.NoticeWords(&run.Notice{When: when}), "%s has no words", when)
	}
}

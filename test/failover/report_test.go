package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

func second(s float64) time.Time {
	return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC).Add(time.Duration(s * float64(time.Second)))
}

// told are the events of one run of tick-0 due at second 20, at the given
// seconds; 0 leaves an event out.
func told(staged, claimed, starting, started float64) []run.Event {
	id := run.NewID("tick-0", second(20), "")
	ev := func(t run.EventType, at float64) run.Event {
		return run.Event{
			Type: t, Job: "tick-0", Run: id, Due: second(20), NotBefore: second(20), Attempt: 1, Fence: 1,
			Trigger: run.TriggerSchedule, At: second(at),
		}
	}
	all := []run.Event{ev(run.EventEnqueued, staged)}
	if claimed > 0 {
		all = append(all, ev(run.EventClaimed, claimed))
	}
	if starting > 0 {
		all = append(all, ev(run.EventStarting, starting))
	}
	if started > 0 {
		end := ev(run.EventFinished, 90) // reported long after
		end.Outcome = &run.Outcome{State: run.StateSucceeded, StartedAt: second(started)}
		all = append(all, end)
	}
	return all
}

func TestLatenessIsWhenTheCommandStartedNotWhenThatWasReported(t *testing.T) {
	h := &history{trips: tripsOf(&check.Evidence{Events: told(15, 16, 19.9, 23.5)})}
	got := h.streams(window{second(20), second(30)})["scheduled"]
	require.Equal(t, spread{N: 1, P50: 3.5, P99: 3.5, Worst: 3.5}, got.Late)
	require.Zero(t, h.streams(window{second(21), second(30)})["scheduled"].Late.N, "it was to start before")
}

func TestARunWithoutOutcomeStartedWhenItsCommandSaysSo(t *testing.T) {
	e := check.Evidence{Events: told(15, 16, 19.9, 0)}
	e.Lines = []check.Line{{Word: check.WordStart, Job: "tick-0", Run: e.Events[0].Run, Attempt: 1, At: second(20.2)}}
	h := &history{trips: tripsOf(&e)}
	require.Equal(t, spread{N: 1, P50: 0.2, P99: 0.2, Worst: 0.2}, h.streams(window{second(20), second(30)})["scheduled"].Late)
}

func TestARunThatNeverStartedIsCounted(t *testing.T) {
	h := &history{trips: tripsOf(&check.Evidence{Events: told(15, 16, 0, 0)})}
	got := h.streams(window{second(20), second(30)})["scheduled"]
	require.Equal(t, 1, got.Never)
	require.Zero(t, got.Late.N)
}

func TestALateRunNamesTheStepThatLostIt(t *testing.T) {
	again := told(15, 16, 19.9, 30)
	placed := again[0]
	placed.Fence = 2
	again = append(again[:3:3], placed, again[3])
	for step, events := range map[string][]run.Event{
		stepStaged: told(21, 22, 23, 24), stepClaimed: told(15, 21, 22, 24), stepAnnounce: told(15, 16, 21, 24),
		stepPermit: told(15, 16, 19.9, 24), stepAgain: again,
	} {
		trips := tripsOf(&check.Evidence{Events: events})
		require.Len(t, trips, 1)
		require.Equal(t, step, trips[0].lost())
	}
}

func TestWhatFeltTheFaultIsSplitByWhoLedTheEvents(t *testing.T) {
	h := &history{trips: tripsOf(&check.Evidence{Events: told(15, 16, 19.9, 24)})}
	k := &strike{At: second(18)}
	k.Held.shards = []int32{h.trips[0].shard}
	got := h.feel(window{second(18), second(40)}, k, time.Second)
	require.Equal(t, felt{Late: 1, From: 2, Until: 2, Back: 6, Led: map[string]int{stepPermit: 1}, NotLed: map[string]int{}}, got)
	require.Zero(t, h.feel(window{second(18), second(40)}, k, 5*time.Second).Late)
}

func TestTheReportSaysWhetherGoalsAreMetAndNeverFailsByThem(t *testing.T) {
	calm, late := stream{waits: []time.Duration{10 * time.Millisecond}}, stream{waits: []time.Duration{12 * time.Second}}
	r := newReport(options{rate: 100})
	r.Strikes = []*result{{
		strike:      &strike{Kafka: kafkatest.Latest, Kind: "kill", Broker: 2},
		Undisturbed: map[string]stream{"scheduled": calm}, Faulty: map[string]stream{"scheduled": late},
	}}
	r.Judged = []judged{{Kafka: kafkatest.Latest, Kind: "kill", Verdict: string(check.Pass), Dues: 3000}}
	var text strings.Builder
	require.NoError(t, r.write(&text, false))
	require.Regexp(t, `4\.3\.1 +kill +3000 +0 +0 +0 +0\.010 +0\.010 +12\.000 +12\.000 +\+11\.990 +0\.25 +missed`, text.String())
	require.Equal(t, check.Pass, r.verdict())
	r.Judged = append(r.Judged, judged{Verdict: string(check.Invalid)}, judged{Verdict: string(check.Fail)})
	require.Equal(t, check.Fail, r.verdict())
}

func TestARunThatNeverEndedIsLostAndOtherViolationsAreNot(t *testing.T) {
	s := &session{kind: kind{name: "kill"}, brokers: &kafkatest.Cluster{}}
	r := newReport(options{})
	require.NoError(t, r.add(s, &plain{}, &check.Evidence{}, check.Report{Verdict: check.Fail, Violations: []check.Violation{
		{Rule: check.RuleFinal, Detail: neverEnded},
		{Rule: check.RuleFinal, Detail: "handed out after it had ended as skipped"},
		{Rule: check.RuleTwice},
	}}))
	got := r.Judged[0]
	require.Equal(t, []int{1, 1, 1}, []int{got.Lost, got.Doubled, got.Others})

	// The judge still says it in these words.
	judged, err := check.Judge(check.Evidence{Events: told(15, 16, 19.9, 0), Collected: second(900), Until: second(30), From: second(1)})
	require.NoError(t, err)
	var details []string
	for _, v := range judged.Violations {
		details = append(details, v.Detail)
	}
	require.Contains(t, details, neverEnded)
}

func TestTheJobFilesAreValid(t *testing.T) {
	for _, text := range []string{steady(100, "/tmp/journal"), changing(0, "/tmp/journal"), changing(1, "/tmp/journal")} {
		_, err := job.Parse([]job.File{{Name: "jobs.yaml", Data: []byte(text)}})
		require.NoError(t, err)
	}
}

func TestAnUnknownFaultIsRefusedWithTheKnown(t *testing.T) {
	_, err := parse([]string{"-faults", "kill,nuke"})
	require.ErrorContains(t, err, `"nuke"`)
	require.ErrorContains(t, err, "freeze")
}

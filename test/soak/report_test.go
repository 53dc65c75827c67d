package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// soaked is the evidence of ten seconds: a run due each second, each 10 ms
// later than the one before, and a fault from the fourth to the sixth.
func soaked() check.Evidence {
	begin := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	e := check.Evidence{From: begin, Until: begin.Add(10 * time.Second)}
	for i := range 10 {
		due := begin.Add(time.Duration(i) * time.Second)
		id := run.NewID("j", due, "")
		e.Events = append(e.Events, run.Event{
			Type: run.EventEnqueued, Job: "j", Run: id, Due: due, NotBefore: due, Attempt: 1, Trigger: run.TriggerSchedule,
		})
		e.Lines = append(e.Lines, check.Line{Word: check.WordStart, Job: "j", Run: id, Attempt: 1, At: due.Add(time.Duration(10*i) * time.Millisecond)})
	}
	e.Faults = []check.Fault{{Name: "kill worker-1", From: begin.Add(4 * time.Second), Until: begin.Add(6 * time.Second), Landed: true}}
	return e
}

func TestLatenessIsToldByPhase(t *testing.T) {
	f, _ := measure(options{}, &world{}, soaked(), check.Report{Verdict: check.Pass})
	require.Len(t, f.Phases, 3)
	require.Equal(t, lateness{Starts: 4, P50: 0.01, P99: 0.02, Worst: 0.03}, f.Phases[0].Late)
	require.Equal(t, lateness{Starts: 2, P50: 0.04, P99: 0.04, Worst: 0.05}, f.Phases[1].Late)
	require.True(t, f.Phases[1].Fault)
	require.Equal(t, 4, f.Phases[2].Late.Starts)
}

func TestTheReportIsOneFileWithThePlotAndTheFaults(t *testing.T) {
	f, starts := measure(options{}, &world{}, soaked(), check.Report{Verdict: check.Fail, Violations: []check.Violation{
		{Rule: check.RuleTwice, Job: "j", Detail: "<again>"}, {Rule: check.RuleLostDue, Job: "j"},
	}})
	require.Equal(t, 1, f.Doubled)
	require.Equal(t, 1, f.Lost)
	var html strings.Builder
	require.NoError(t, writePage(&html, f, plotOf(f, starts)))
	for _, want := range []string{"<svg", "kill worker-1", "<polyline class=\"p99\" points=\"60,380", "&lt;again&gt;", "Lost 1, doubled 1"} {
		require.Contains(t, html.String(), want)
	}
	for _, link := range []string{"src=", "href=", "http://", "https://"} {
		require.NotContains(t, html.String(), link)
	}
}

func TestTheJobFilesAreValid(t *testing.T) {
	for n := range 3 {
		for _, text := range []string{steady(40, "/tmp/journal"), changing(n, "/tmp/journal")} {
			_, err := job.Parse([]job.File{{Name: "jobs.yaml", Data: []byte(text)}})
			require.NoError(t, err)
		}
	}
}

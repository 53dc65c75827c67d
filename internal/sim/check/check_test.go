package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// at is so many seconds into the evidence.
func at(seconds float64) time.Time {
	return time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

// world is evidence under construction: one job each minute, whose runs take
// two seconds, may not overlap, and may be tried twice.
type world struct {
	check.Evidence
	fence int64
}

func clean() *world {
	j := job.Default()
	j.Name, j.Schedule, j.Cluster, j.Command = "backup", "* * * * *", "cluster-a", []string{"true"}
	j.Overlap, j.Retries, j.OnLost = job.OverlapSkip, 1, job.LostRetry
	j.RetryBackoff = job.Backoff{Initial: 10 * time.Second, Factor: 2, Max: time.Minute, Jitter: 0.1}
	j.StartDeadline, j.Timeout = 20*time.Second, 30*time.Second
	w := &world{Evidence: check.Evidence{
		From: at(0), Until: at(600), Collected: at(900),
		Jobs:   []check.Definition{{Name: "backup", Job: &j, At: at(-100), Acted: at(-99)}},
		Limits: check.Limits{MinStarts: 5, Skew: 100 * time.Millisecond, Late: 5 * time.Second, Recall: 2 * time.Second, Kill: time.Second},
	}}
	for i := 1; i <= 10; i++ {
		due := float64(60 * i)
		switch i {
		case 4: // fails once
			w.hand(due, 1, due, due-5)
			w.attempt(due, 1, due+0.1, due+2, 1)
			w.say(run.Event{Type: run.EventRetrying, Attempt: 1, NotBefore: at(due + 12.5), Outcome: &run.Outcome{State: run.StateFailed, ExitCode: 1}}, due, due+2.5)
			w.hand(due, 2, due+12.5, due+7.5)
			w.attempt(due, 2, due+12.6, due+14, 0)
			w.end(due, 2, run.StateSucceeded, due+15)
		case 7: // its worker is lost before it starts
			w.hand(due, 1, due, due-5)
			w.say(run.Event{Type: run.EventLost, Attempt: 1, Reason: run.ReasonWorkerLost}, due, due-1)
			w.hand(due, 1, due, due-1)
			w.attempt(due, 1, due+0.1, due+2, 0)
			w.end(due, 1, run.StateSucceeded, due+2.5)
			w.Faults = append(w.Faults, check.Fault{Name: "kill w2", From: at(due - 3), Until: at(due), Landed: true})
		default:
			w.hand(due, 1, due, due-5)
			w.attempt(due, 1, due+0.1, due+2, 0)
			w.end(due, 1, run.StateSucceeded, due+2.5)
		}
	}
	return w
}

func id(due float64) run.ID { return run.NewID("backup", at(due), "") }

// say adds an event about the latest handing-out.
func (w *world) say(ev run.Event, due, when float64) {
	ev.Job, ev.Run, ev.Due, ev.At, ev.Fence = "backup", id(due), at(due), at(when), w.fence
	w.Events = append(w.Events, ev)
}

// hand hands an attempt out.
func (w *world) hand(due float64, attempt int, notBefore, when float64) {
	w.fence++
	w.say(run.Event{Type: run.EventEnqueued, Attempt: attempt, Trigger: run.TriggerSchedule, NotBefore: at(notBefore)}, due, when)
	w.Runs = append(w.Runs, run.Run{ID: id(due), Job: "backup", Due: at(due), Attempt: attempt, Fence: w.fence, StagedAt: at(when)})
}

// attempt has a worker run it.
func (w *world) attempt(due float64, attempt int, from, to float64, exit int) {
	w.say(run.Event{Type: run.EventStarting, Attempt: attempt, By: "w1"}, due, from)
	l := check.Line{Word: check.WordStart, Job: "backup", Run: id(due), Attempt: attempt, Fence: w.fence, Host: "w1", At: at(from)}
	w.Lines = append(w.Lines, l)
	l.Word, l.At, l.Exit = check.WordEnd, at(to), exit
	w.Lines = append(w.Lines, l)
	outcome := &run.Outcome{State: run.StateSucceeded, ExitCode: exit, StartedAt: at(from), EndedAt: at(to)}
	if exit != 0 {
		outcome.State = run.StateFailed
	}
	w.say(run.Event{Type: run.EventFinished, Attempt: attempt, By: "w1", Outcome: outcome}, due, to)
}

// end has the shard decide the end; of a success the worker's report is all.
func (w *world) end(due float64, attempt int, state run.State, when float64) {
	if state == run.StateSucceeded {
		return
	}
	w.say(run.Event{Type: run.EventEnded, Attempt: attempt, State: state, Trigger: run.TriggerSchedule}, due, when)
}

// ended has the shard say what became of a run that a worker has run.
func (w *world) ended(due float64, state run.State) {
	start := *w.event(run.EventStarting, due)
	w.Events = append(w.Events, run.Event{
		Type: run.EventEnded, Job: start.Job, Run: start.Run, Due: start.Due, Attempt: start.Attempt, Fence: start.Fence,
		At: at(due + 10), State: state, Trigger: run.TriggerSchedule,
	})
}

// fail lets a run's command fail, and its worker say so.
func (w *world) fail(due float64) {
	w.line(check.WordEnd, due).Exit = 3
	o := w.event(run.EventFinished, due).Outcome
	o.State, o.ExitCode = run.StateFailed, 3
}

// without drops all trace of a run.
func (w *world) without(due float64) {
	w.Events = slices.DeleteFunc(w.Events, func(e run.Event) bool { return e.Run == id(due) })
	w.Runs = slices.DeleteFunc(w.Runs, func(r run.Run) bool { return r.ID == id(due) })
	w.Lines = slices.DeleteFunc(w.Lines, func(l check.Line) bool { return l.Run == id(due) })
}

func (w *world) event(t run.EventType, due float64) *run.Event {
	i := slices.IndexFunc(w.Events, func(e run.Event) bool { return e.Type == t && e.Run == id(due) })
	return &w.Events[i]
}

func (w *world) line(word string, due float64) *check.Line {
	i := slices.IndexFunc(w.Lines, func(l check.Line) bool { return l.Word == word && l.Run == id(due) })
	return &w.Lines[i]
}

func (w *world) drop(t run.EventType, due float64) {
	w.Events = slices.DeleteFunc(w.Events, func(e run.Event) bool { return e.Type == t && e.Run == id(due) })
}

func judge(t *testing.T, e check.Evidence) check.Report {
	t.Helper()
	r, err := check.Judge(e)
	require.NoError(t, err)
	return r
}

func TestCleanEvidencePasses(t *testing.T) {
	r := judge(t, clean().Evidence)
	require.Equal(t, check.Pass, r.Verdict, "%s", r)
	require.Equal(t, 10, r.Dues)
	require.Equal(t, 11, r.Starts)
	require.Equal(t, 10, r.Ended)
}

func TestAKillMayMeetACommandThatHasSaidItsLastWord(t *testing.T) {
	const failed = 240 // its second attempt succeeds
	killed := func(after time.Duration) check.Report {
		w := clean()
		end := w.line(check.WordEnd, failed)
		end.Exit = 0
		o := run.Outcome{State: run.StateLost, ExitCode: -1, StartedAt: at(failed + 0.1), EndedAt: end.At.Add(after)}
		w.event(run.EventFinished, failed).Outcome = &o
		retrying := w.event(run.EventRetrying, failed)
		retrying.Outcome, retrying.NotBefore = &o, retrying.At // a lost attempt waits for nothing
		return judge(t, w.Evidence)
	}
	require.Equal(t, check.Pass, killed(100*time.Millisecond).Verdict, "%s", killed(100*time.Millisecond))
	require.Equal(t, check.Fail, killed(5*time.Second).Verdict, "it had long ended by itself")
	require.Equal(t, check.Fail, killed(-time.Second-time.Millisecond).Verdict, "it outlived the kill")
}

// TestPlantedFaultsAreNamed plants one fault at a time into clean evidence,
// about the run due at 120 s unless said otherwise.
func TestPlantedFaultsAreNamed(t *testing.T) {
	const due = 120.0
	again := func(w *world, fence int64, when float64) {
		l := *w.line(check.WordStart, due)
		l.Fence, l.At, l.Host = fence, at(when), "w2"
		w.Lines = append(w.Lines, l)
	}
	tests := []struct {
		name  string
		rule  check.Rule
		due   float64
		plant func(w *world)
	}{
		{"one due time lost", check.RuleLostDue, due, func(w *world) { w.without(due) }},
		{"one due time made up", check.RuleNotDue, 130, func(w *world) {
			w.fence = 90
			w.hand(130, 1, 130, 125)
			w.attempt(130, 1, 130, 131, 0)
			w.end(130, 1, run.StateSucceeded, 132)
		}},
		{"one handed out twice", check.RuleDoubled, 600, func(w *world) { w.fence = 50; w.drop(run.EventFinished, 600); w.hand(600, 1, 600, 601) }},
		{"handed out after its end", check.RuleFinal, due, func(w *world) { w.fence = 50; w.hand(due, 1, due, 700) }},
		{"one started twice", check.RuleTwice, due, func(w *world) { again(w, w.line(check.WordStart, due).Fence, due+1) }},
		{"a zombie starts what was lost", check.RuleZombie, 420, func(w *world) {
			l := *w.line(check.WordStart, 420)
			l.Fence, l.Host = l.Fence-1, "w9"
			w.Lines = append(w.Lines, l)
		}},
		{"started under an older fence", check.RuleZombie, 240, func(w *world) {
			l := *w.line(check.WordStart, 240)
			l.At = at(270)
			w.Lines = append(w.Lines, l)
		}},
		{"started though nobody handed it out", check.RuleGhost, due, func(w *world) { w.line(check.WordStart, due).Fence = 77 }},
		{"started without starting", check.RuleUnannounced, due, func(w *world) { w.drop(run.EventStarting, due) }},
		{"started early", check.RuleEarly, due, func(w *world) { w.line(check.WordStart, due).At = at(due - 1) }},
		{"one late", check.RuleLate, due, func(w *world) {
			w.line(check.WordStart, due).At, w.line(check.WordEnd, due).At = at(due+6), at(due+7)
		}},
		{"started after its deadline", check.RuleDeadline, due, func(w *world) {
			w.line(check.WordStart, due).At, w.line(check.WordEnd, due).At = at(due+25), at(due+26)
		}},
		{"ran past its timeout", check.RuleTimeout, due, func(w *world) { w.line(check.WordEnd, due).At = at(due + 40) }},
		{"timed out too soon", check.RuleTimeout, due, func(w *world) { w.event(run.EventFinished, due).Outcome.State = run.StateTimedOut }},
		{"one overlap broken", check.RuleOverlap, 180, func(w *world) { w.line(check.WordEnd, due).At = at(185) }},
		{"a retry that nobody decided", check.RuleAttempts, 240, func(w *world) { w.drop(run.EventRetrying, 240) }},
		{"a retry beyond what is granted", check.RuleAttempts, 240, func(w *world) { w.Jobs[0].Job.Retries = 0 }},
		{"a retry without its backoff", check.RuleBackoff, 240, func(w *world) { w.event(run.EventRetrying, 240).NotBefore = at(243) }},
		{"never ended", check.RuleFinal, due, func(w *world) { w.drop(run.EventFinished, due) }},
		{"ended twice", check.RuleFinal, due, func(w *world) { w.ended(due, run.StateSucceeded) }},
		{"ended in no final state", check.RuleFinal, due, func(w *world) { w.drop(run.EventFinished, due); w.ended(due, run.StateFailed) }},
		{"a fence given out again", check.RuleFence, 180, func(w *world) { w.event(run.EventEnqueued, 180).Fence = 1 }},
		{"a report without effect", check.RuleAcked, due, func(w *world) { w.fail(due) }},
		{"a ledger lie: succeeded", check.RuleLie, due, func(w *world) { w.line(check.WordEnd, due).Exit = 3 }},
		{"a ledger lie: never started", check.RuleLie, due, func(w *world) {
			w.drop(run.EventFinished, due)
			w.ended(due, run.StateSkipped)
			w.Events[len(w.Events)-1].Reason = run.ReasonStartDeadline
		}},
		{"a ledger lie: dead though it succeeded", check.RuleLie, due, func(w *world) { w.ended(due, run.StateDead) }},
		{"no dead letter", check.RuleDead, due, func(w *world) { w.fail(due); w.ended(due, run.StateDead) }},
		{"a cause told twice", check.RuleNotices, due, func(w *world) {
			n := run.Notice{ID: "n", Job: "backup", Run: id(due), Due: at(due), At: at(due)}
			w.Notices = append(w.Notices, n, n)
		}},
		{"a death not told", check.RuleNotices, due, func(w *world) {
			w.fail(due)
			w.ended(due, run.StateDead)
			w.Dead = append(w.Dead, run.DeadLetter{Run: &run.Run{ID: id(due), Job: "backup"}})
			w.Notices = append(w.Notices, run.Notice{ID: "n", Job: "backup"})
		}},
		{"a dead letter too many", check.RuleDead, due, func(w *world) {
			w.Dead = append(w.Dead, run.DeadLetter{Run: &run.Run{ID: id(due), Job: "backup"}})
		}},
		{"on a queue, not in the ledger", check.RuleAtomic, due, func(w *world) {
			w.Runs = append(w.Runs, run.Run{ID: id(due), Job: "backup", Due: at(due), Attempt: 1, Fence: 99})
		}},
		{"in the ledger, not on a queue", check.RuleAtomic, due, func(w *world) {
			w.Runs = slices.DeleteFunc(w.Runs, func(r run.Run) bool { return r.ID == id(due) })
		}},
		{"skipped for an overlap that was none", check.RuleExplanation, due, func(w *world) {
			w.without(due)
			w.say(run.Event{Type: run.EventSkipped, Reason: run.ReasonOverlap, State: run.StateSkipped}, due, due)
		}},
		{"missed though it was decided in time", check.RuleExplanation, due, func(w *world) {
			w.without(due)
			w.say(run.Event{Type: run.EventSkipped, Reason: run.ReasonMissed, State: run.StateSkipped}, due, due+5)
		}},
		{"paused though nobody paused it", check.RuleExplanation, due, func(w *world) {
			w.without(due)
			w.say(run.Event{Type: run.EventSkipped, Reason: run.ReasonPaused, State: run.StateSkipped}, due, due)
		}},
		{"lost though nobody was", check.RuleExplanation, 420, func(w *world) { w.Faults = nil }},
		{"no reason", check.RuleExplanation, due, func(w *world) {
			w.without(due)
			w.say(run.Event{Type: run.EventSkipped, Reason: "because", State: run.StateSkipped}, due, due)
		}},
		{"a recall ignored", check.RuleRecall, due, func(w *world) {
			w.fence = w.event(run.EventEnqueued, due).Fence
			w.say(run.Event{Type: run.EventRecalling, Attempt: 1, Reason: run.ReasonEdited}, due, due-4)
		}},
		{"a request without effect", check.RuleAcked, 0, func(w *world) {
			w.Requests = append(w.Requests, check.Request{Acted: at(51), Request: run.Request{Type: run.RequestRun, ID: "r1", Job: "backup", At: at(50)}})
		}},
		{"more skipped in a row than there are", check.RuleNotDue, due, func(w *world) {
			w.without(due)
			w.say(run.Event{Type: run.EventSkipped, Reason: run.ReasonMissed, Through: at(due), Count: 2}, due, due+20)
		}},
		{"skipped in a row though it ran", check.RuleDoubled, due, func(w *world) {
			w.say(run.Event{Type: run.EventSkipped, Reason: run.ReasonMissed, Through: at(180), Count: 2}, due, 250)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := clean()
			tt.plant(w)
			r := judge(t, w.Evidence)
			require.Equal(t, check.Fail, r.Verdict)
			named := slices.ContainsFunc(r.Violations, func(v check.Violation) bool {
				return v.Rule == tt.rule && v.Job == "backup" && (tt.due == 0 || v.Due.Equal(at(tt.due)))
			})
			require.True(t, named, "%s is not named:\n%s", tt.rule, r)
		})
	}
}

func TestVerdictIsInvalid(t *testing.T) {
	t.Run("under too little load", func(t *testing.T) {
		w := clean()
		w.Limits.MinStarts = 100
		r := judge(t, w.Evidence)
		require.Equal(t, check.Invalid, r.Verdict)
		require.Contains(t, r.String(), "11 starts are too few")
	})
	t.Run("when a fault did not land", func(t *testing.T) {
		w := clean()
		w.Faults = append(w.Faults, check.Fault{Name: "freeze w1", From: at(100), Until: at(200)})
		r := judge(t, w.Evidence)
		require.Equal(t, check.Invalid, r.Verdict)
		require.Contains(t, r.String(), "freeze w1")
	})
	t.Run("when the shards did not say that they took the definitions", func(t *testing.T) {
		w := clean()
		for i := range w.Jobs {
			w.Jobs[i].Acted = w.Collected
		}
		r := judge(t, w.Evidence)
		require.Equal(t, check.Invalid, r.Verdict, "%s", r)
		require.Contains(t, r.String(), "definitions")
	})
	t.Run("but a violation is a failure all the same", func(t *testing.T) {
		w := clean()
		w.Limits.MinStarts = 100
		w.without(120)
		require.Equal(t, check.Fail, judge(t, w.Evidence).Verdict)
	})
}

// While a fault is in effect nothing is expected to be on time.
func TestFaultsExcuseLateness(t *testing.T) {
	w := clean()
	w.line(check.WordStart, 120).At, w.line(check.WordEnd, 120).At = at(126), at(127)
	require.Equal(t, check.Fail, judge(t, w.Evidence).Verdict)
	w.Faults = append(w.Faults, check.Fault{Name: "away", From: at(110), Until: at(130), Landed: true})
	r := judge(t, w.Evidence)
	require.Equal(t, check.Pass, r.Verdict, "%s", r)
}

// Between the writing of an edit and its being acted on, either definition
// may decide; what both name is owed.
func TestEditsLeaveTimeToAct(t *testing.T) {
	w := clean()
	edited := *w.Jobs[0].Job
	edited.Schedule = "*/2 * * * *"
	w.Jobs = append(w.Jobs, check.Definition{Name: "backup", Job: &edited, At: at(290), Acted: at(370)})
	for _, due := range []float64{300, 420, 540} {
		w.without(due)
	}
	r := judge(t, w.Evidence)
	require.Equal(t, check.Pass, r.Verdict, "%s", r)
	w.without(360)
	r = judge(t, w.Evidence)
	require.Equal(t, check.Fail, r.Verdict)
	require.Equal(t, check.RuleLostDue, r.Violations[0].Rule)
	require.Equal(t, at(360), r.Violations[0].Due)
}

// A schedule is changed at 97 s, which takes the run due at 120 s away, and
// changed back at 107 s.
func TestWhatAnEditTookAwayMayBecomeDueAgain(t *testing.T) {
	const due = 120.0
	reverted := func(ended run.Event, back *job.Job) check.Report {
		w := clean()
		w.without(due)
		other := *w.Jobs[0].Job
		other.Schedule = "0 12 * * *"
		w.Jobs = append(w.Jobs, check.Definition{Name: "backup", Job: &other, At: at(97), Acted: at(97.2)})
		if back == nil {
			back = w.Jobs[0].Job
		}
		w.Jobs = append(w.Jobs, check.Definition{Name: "backup", Job: back, At: at(107), Acted: at(107.2)})
		events := w.Events
		w.Events, w.fence = slices.Clone(events[:3]), 1 // the minute before
		w.hand(due, 1, due, 95)
		w.say(run.Event{Type: run.EventRecalling, Attempt: 1, Reason: run.ReasonEdited}, due, 97.2)
		w.say(run.Event{Type: run.EventDropped, Attempt: 1, By: "w1", Reason: run.ReasonEdited}, due, 97.4)
		ended.Type, ended.Attempt, ended.Trigger = run.EventEnded, 1, run.TriggerSchedule
		w.say(ended, due, 97.5)
		w.hand(due, 1, due, 107.2)
		w.attempt(due, 1, due+0.1, due+2, 0)
		for _, ev := range events[3:] { // their fences follow
			ev.Fence += 2
			w.Events = append(w.Events, ev)
		}
		for i := range w.Runs {
			if w.Runs[i].Due.After(at(due)) {
				w.Runs[i].Fence += 2
			}
		}
		for i := range w.Lines {
			if w.Lines[i].At.After(at(due + 10)) {
				w.Lines[i].Fence += 2
			}
		}
		return judge(t, w.Evidence)
	}
	r := reverted(run.Event{State: run.StateSkipped, Reason: run.ReasonEdited}, nil)
	require.Equal(t, check.Pass, r.Verdict, "%s", r)

	final := func(r check.Report) {
		t.Helper()
		require.True(t, slices.ContainsFunc(r.Violations, func(v check.Violation) bool {
			return v.Rule == check.RuleFinal && v.Due.Equal(at(due)) && strings.Contains(v.Detail, "handed out after it had ended")
		}), "%s", r)
	}
	for _, reason := range []string{run.ReasonOverlap, run.ReasonPaused, run.ReasonStartDeadline, run.ReasonDeleted, run.ReasonNoWorker} {
		final(reverted(run.Event{State: run.StateSkipped, Reason: reason}, nil))
	}
	final(reverted(run.Event{State: run.StateCancelled, Reason: run.ReasonEdited}, nil))
	final(reverted(run.Event{State: run.StateDead, Reason: run.ReasonEdited}, nil))
	never := *clean().Jobs[0].Job
	never.Schedule = "0 13 * * *"
	final(reverted(run.Event{State: run.StateSkipped, Reason: run.ReasonEdited}, &never))
}

func TestViolationsShowTheirRecords(t *testing.T) {
	w := clean()
	w.line(check.WordEnd, 120).Exit = 3
	r := judge(t, w.Evidence)
	text := r.String()
	require.Contains(t, text, "ledger and reality: job backup run "+string(id(120))+" due 2026-03-02 10:02:00.000")
	require.Contains(t, text, "line  end attempt 1 fence 2 on w1 exit 3")
	require.Contains(t, text, "event finished attempt 1 fence 2 by w1 outcome succeeded")
}

func TestUnknownExpressionsAreRefused(t *testing.T) {
	w := clean()
	w.Jobs[0].Job.Schedule = "0 0 L * *"
	_, err := check.Judge(w.Evidence)
	require.ErrorContains(t, err, "knows only")
}

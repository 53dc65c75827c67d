package conformance

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
)

// ticking is a file of n jobs due each second, tick-0 and so on, each of
// which notes its start and its end in the journal.
func (w *world) ticking(n int, fields string) string {
	var b strings.Builder
	b.WriteString("jobs:\n")
	for i := range n {
		fmt.Fprintf(&b, `
  - name: tick-%d
    schedule: "* * * * * *"
    seconds: true
    command: '%s; %s'
    %s
    catch_up: {policy: all, window: 1h}
    %s
`, i, note("start"), note("end"), w.jobEnv(), fields)
	}
	return b.String()
}

// requireTicks judges all jobs of a ticking file.
func (w *world) requireTicks(n int, from, to time.Time) {
	w.t.Helper()
	dues, ran := 0, 0
	for i := range n {
		d, r := w.requireOnce(fmt.Sprintf("tick-%d", i), from, to)
		dues, ran = dues+d, ran+r
	}
	w.t.Logf("figure: of %d due times %d ran once, %d were explained", dues, ran, dues-ran)
}

// begin applies a ticking file, waits until its jobs run, and returns from
// when on every due time counts.
func (w *world) begin(n int, fields string) time.Time {
	w.t.Helper()
	w.apply(w.ticking(n, fields))
	applied := time.Now()
	w.await("the jobs to run", func() bool { return w.count("end", "tick-0") > 0 })
	return applied
}

func TestTwoSchedulersAndThreeWorkersRunEachDueTimeOnce(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.scheduler("s2")
		for _, name := range []string{"w1", "w2", "w3"} {
			w.worker(name, "cluster-a")
		}
		from := w.begin(5, "")
		to := time.Now().Add(10 * time.Second)
		w.until(to)
		w.requireTicks(5, from, to)
	})
}

func TestAKilledSchedulerIsNotFelt(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		doomed := w.scheduler("s2")
		w.worker("w1", "cluster-a")
		from := w.begin(8, "")
		doomed.kill()
		to := time.Now().Add(12 * time.Second)
		w.until(to)
		w.requireTicks(8, from, to)
	})
}

func TestRunsOfAKilledWorkerAreRunElsewhere(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		doomed := w.worker("w2", "cluster-a")
		from := w.begin(4, "on_lost: retry")
		doomed.kill()
		to := time.Now().Add(10 * time.Second)
		w.until(to)
		w.requireTicks(4, from, to)
	})
}

func TestAllProcessesKilledAndStartedAgain(t *testing.T) {
	conform(t, func(w *world) {
		s, k := w.scheduler("s1"), w.worker("w1", "cluster-a")
		from := w.begin(3, "on_lost: retry")
		s.kill()
		k.kill()
		w.until(time.Now().Add(3 * time.Second))
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		to := time.Now().Add(6 * time.Second)
		w.until(to)
		w.requireTicks(3, from, to)
	})
}

func TestAThawedSchedulerDecidesNothing(t *testing.T) {
	conform(t, func(w *world) {
		zombie := w.scheduler("s1")
		w.worker("w1", "cluster-a")
		from := w.begin(4, "")
		w.scheduler("s2")
		zombie.signal(syscall.SIGSTOP)
		w.await("s2 to own every shard", func() bool { return w.owned("s2") == 8 })
		w.until(time.Now().Add(2 * time.Second))
		zombie.signal(syscall.SIGCONT)
		to := time.Now().Add(8 * time.Second)
		w.until(to)
		w.requireTicks(4, from, to)
	})
}

func TestAThawedWorkerStartsNothingItNoLongerHolds(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		zombie := w.worker("w1", "cluster-a")
		w.worker("w2", "cluster-a")
		from := w.begin(4, "on_lost: retry")
		zombie.signal(syscall.SIGSTOP)
		w.until(time.Now().Add(9 * time.Second))
		zombie.signal(syscall.SIGCONT)
		to := time.Now().Add(5 * time.Second)
		w.until(to)
		w.requireTicks(4, from, to)
	})
}

// TestAWorkerKilledBetweenEndAndReport has the command kill its worker, or its
// worker's keeper, as its last act, so that nobody can report how it ended.
func TestAWorkerKilledBetweenEndAndReport(t *testing.T) {
	for victim, reason := range map[string]string{
		"$(sed -n 's/^PPid:[^0-9]*//p' /proc/$PPID/status)": run.ReasonWorkerLost, // the keeper's parent
		"$PPID": run.ReasonKeeperLost,
	} {
		t.Run(reason, func(t *testing.T) { killsItsEnd(t, victim, reason) })
	}
}

func killsItsEnd(t *testing.T, victim, reason string) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		w.worker("w2", "cluster-a")
		command := note("start") + "; " + note("end") + "; [ $BELFRY_ATTEMPT = 2 ] || kill -9 " + victim
		w.apply(fmt.Sprintf(`
jobs:
  - {name: again, command: "%[1]s", on_lost: retry, %[2]s}
  - {name: never-again, command: "%[1]s", on_lost: fail, %[2]s}
`, command, w.jobEnv()))
		w.belfry("run", "again")
		w.await("the second attempt to end", func() bool { return w.count("end", "again") == 2 })
		w.await("its success", func() bool { return w.endedAs("again") == run.StateSucceeded })
		if reason == run.ReasonWorkerLost {
			w.worker("w3", "cluster-a") // w1 or w2 is gone
		}
		w.belfry("run", "never-again")
		w.await("the run to be given up", func() bool { return w.endedAs("never-again") == run.StateDead })
		require.Equal(w.t, 1, w.count("start", "never-again"))
		require.Equal(w.t, reason, w.dead("cluster-a")[0].Reason)
	})
}

// endedAs is the final state of a job's only run, if it has one.
func (w *world) endedAs(job string) run.State {
	w.t.Helper()
	for _, e := range w.events() {
		if state, ok := e.Final(); ok && e.Job == job {
			return state
		}
	}
	return ""
}

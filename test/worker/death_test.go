package worker

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/test/site"
)

func pathOf(t *testing.T) string {
	t.Helper()
	path, ok := os.LookupEnv("PATH")
	require.True(t, ok)
	return path
}

// mark is a number of seconds to sleep that no other process sleeps.
func (w *world) mark() string { return fmt.Sprintf("3600.%d", time.Now().UnixNano()) }

// running counts the processes that sleep for that long.
func running(t *testing.T, mark string) int {
	t.Helper()
	return len(sleepers(t, mark))
}

// sleepers are the processes that sleep for that long.
func sleepers(t *testing.T, mark string) (pids []int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range lines {
		line, _ := os.ReadFile(path) // it may have ended
		if bytes.HasPrefix(line, []byte("sleep\x00")) && bytes.Contains(line, []byte(mark)) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

// endAll ends the processes that sleep for that long.
func endAll(t *testing.T, mark string) {
	t.Helper()
	for _, pid := range sleepers(t, mark) {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
}

func TestADrainReturnsWhatWaitsAndFinishesWhatRuns(t *testing.T) {
	w := newWorld(t, 30*time.Second)
	w.worker("w")
	w.apply(`
  - {name: long, command: '` + site.Note + `note start; sleep 3; note end', on_lost: fail}
  - {name: later, schedule: "` + at(time.Now().Add(25*time.Second)) + `", seconds: true, command: ['true']}
`)
	id := w.ask("long")
	w.await("the one to run and the other to wait", func() bool {
		return w.noted(check.WordStart, "long") == 1 && len(w.eventsOf("later", run.EventClaimed)) == 1
	})
	asked := time.Now()
	w.leave("w")
	require.Less(t, time.Since(asked), drain, "it leaves when nothing runs any more")
	require.Equal(t, run.StateSucceeded, w.awaitEvent(id, run.EventFinished).Outcome.State)
	require.Equal(t, 1, w.noted(check.WordEnd, "long"))
	back := w.awaitEvent(w.eventsOf("later", run.EventClaimed)[0].Run, run.EventReturned)
	require.Equal(t, run.ReasonDraining, back.Reason)
	require.Less(t, back.stored.Sub(asked), 2*time.Second, "it is returned at once")
	beats, stored := w.beats("w")
	last := beats[len(beats)-1]
	require.True(t, last.Leaving)
	require.Zero(t, last.Staged()+last.Running())
	for i, b := range beats {
		require.Equal(t, i == len(beats)-1, b.Leaving)
		if stored[i].After(asked.Add(2 * time.Second)) {
			require.Empty(t, b.Runs.Partitions, "who drains promises to claim nothing")
		}
	}
}

func TestADrainEndsWhatRunsForTooLong(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w", "BELFRY_DRAIN=2s")
	mark := w.mark()
	w.apply("  - {name: long, command: 'sleep " + mark + "', on_lost: fail}\n")
	id := w.ask("long")
	w.await("it to run", func() bool { return running(t, mark) > 0 })
	w.leave("w")
	end := w.awaitEvent(id, run.EventFinished)
	require.Equal(t, run.StateLost, end.Outcome.State)
	require.Equal(t, run.ReasonDraining, end.Outcome.Reason)
	require.Zero(t, running(t, mark))
}

func TestRunsOfAKilledWorkerArePlacedElsewhere(t *testing.T) {
	takesLong(t)
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	mark := w.mark()
	w.apply("  - {name: long, command: '" + site.Note + "note start; [ $BELFRY_ATTEMPT = 2 ] || sleep " + mark + "; note end', on_lost: retry}\n")
	long := w.ask("long")
	w.await("it to run", func() bool { return running(t, mark) > 0 })
	w.belfryWorker("other")
	from := w.begin(4, ", on_lost: retry")
	w.await("it to hold others", func() bool {
		last := w.latest("w")
		return last.Staged() > 0
	})
	killed := time.Now()
	w.processes["w"].Kill()
	w.await("what it ran to end with it", func() bool { return running(t, mark) == 0 })
	require.Less(t, time.Since(killed), 5*time.Second)
	to := time.Now().Add(12 * time.Second)
	w.until(to)
	w.judge(from, to, check.Fault{Name: "kill w", From: killed, Until: killed.Add(40 * time.Second), Landed: true})
	end := w.awaitEvent(long, run.EventFinished)
	require.Equal(t, 2, end.Attempt)
	require.Equal(t, w.id("other"), end.By)
}

func TestAThawedWorkerStartsNothingItNoLongerHolds(t *testing.T) {
	takesLong(t)
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	w.belfryWorker("other")
	from := w.begin(4, ", on_lost: retry")
	frozen := time.Now()
	require.NoError(t, w.processes["w"].Freeze())
	w.until(frozen.Add(9 * time.Second))
	require.NoError(t, w.processes["w"].Thaw())
	thawed := time.Now()
	to := thawed.Add(8 * time.Second)
	w.until(to)
	w.judge(from, to, check.Fault{Name: "freeze w", From: frozen, Until: thawed.Add(20 * time.Second), Landed: true})
}

func TestTwoWorkersShareACluster(t *testing.T) {
	takesLong(t)
	w := newWorld(t, 5*time.Second)
	w.worker("w1")
	w.worker("w2")
	w.requireShared("w1", "w2")
}

func TestItSharesAClusterWithAWorkerOfBelfry(t *testing.T) {
	takesLong(t)
	w := newWorld(t, 5*time.Second)
	w.belfryWorker("other")
	w.worker("w")
	w.requireShared("w", "other")
}

// requireShared fails unless both have partitions, and run what is due.
func (w *world) requireShared(a, b string) {
	w.t.Helper()
	from := w.begin(4, "")
	to := time.Now().Add(10 * time.Second)
	w.until(to)
	for _, of := range []func(string) []int32{
		func(name string) []int32 { return w.latest(name).Runs.Partitions },
		func(name string) []int32 { return w.latest(name).Retries.Partitions },
	} {
		owned := append(slices.Clone(of(a)), of(b)...)
		slices.Sort(owned)
		require.Equal(w.t, []int32{0, 1, 2}, owned, "each partition has one owner")
	}
	ran := map[string]int{}
	for _, e := range w.events() {
		if e.Type == run.EventFinished {
			ran[e.By]++
		}
	}
	require.Positive(w.t, ran[w.id(a)])
	require.Positive(w.t, ran[w.id(b)])
	w.t.Logf("ran: %v", ran)
	w.judge(from, to)
}

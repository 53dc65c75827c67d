package hostile

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
)

// calm are the limits for a test that stops members on purpose: nothing is
// expected to be on time.
func calm() check.Limits {
	return check.Limits{MinStarts: 5, Skew: 50 * time.Millisecond, Kill: time.Second}
}

// begun starts everybody, has runs asked for, and waits until they ran.
func (w *world) begun() (from time.Time) {
	w.t.Helper()
	from = w.live()
	for i := range 5 {
		w.ask(fmt.Sprint("before-", i))
	}
	w.await("runs", func() bool { return w.starts("asked-1") >= 5 && w.starts("tick-0") >= 3 })
	return from
}

func (w *world) starts(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, l := range w.lines {
		if l.Job == name && l.Word == check.WordStart {
			n++
		}
	}
	return n
}

// goOn waits for a few more runs, ends the world and judges it.
func (w *world) goOn(from time.Time, limits check.Limits, members ...string) {
	w.t.Helper()
	before := w.starts("tick-0")
	w.await("the jobs to go on", func() bool { return w.starts("tick-0") >= before+3 })
	until := time.Now()
	w.settle(until)
	w.leave(members...)
	r := w.judge(from, until, limits)
	require.Equal(w.t, check.Pass, r.Verdict, r.String())
}

// TestWhatWasAskedIsNotDoneAgain: the shards' own records are gone, or
// garbage, and with them how far commands were acted on.
func TestWhatWasAskedIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	for name, value := range map[string][]byte{"deleted": nil, "garbage": []byte("{not json")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			from := w.begun()
			w.leave("scheduler-1", "scheduler-2")
			for p := range int32(shards) {
				w.send([]poison{{kind: name, Record: &kgo.Record{Topic: w.names.State(), Partition: p, Key: []byte(topic.ShardKey), Value: value}}})
			}
			w.scheduler("scheduler-3")
			w.goOn(from, calm(), "worker-1", "worker-2", "worker-3", "scheduler-3")
			require.Equal(t, 5, w.starts("asked-1"), "what was asked for before was done again")
		})
	}
}

// TestOldRunsAreNotDoneAgain: what the groups have claimed is forgotten while
// no worker lives.
func TestOldRunsAreNotDoneAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	from := w.begun()
	w.leave("worker-1", "worker-2")
	admin := kadm.NewClient(w.cl)
	for _, queue := range []run.Queue{run.QueueRuns, run.QueueRetries} {
		_, err := admin.DeleteGroup(t.Context(), w.names.Group(home, string(queue)))
		require.NoError(t, err)
	}
	w.worker("worker-4", home)
	w.worker("worker-5", home)
	w.goOn(from, calm(), "worker-3", "worker-4", "worker-5", "scheduler-1", "scheduler-2")
}

// TestQueuedRunsThatAreGoneArePlacedAnew: the records of runs that nobody has
// claimed are deleted.
func TestQueuedRunsThatAreGoneArePlacedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	from := w.begun()
	admin := kadm.NewClient(w.cl)
	w.leave("worker-1", "worker-2")
	w.pass(time.Second) // runs are staged meanwhile, and stand there
	ends, err := admin.ListEndOffsets(t.Context(), w.names.Runs(home))
	require.NoError(t, err)
	_, err = admin.DeleteRecords(t.Context(), ends.Offsets())
	require.NoError(t, err)
	w.worker("worker-4", home)
	w.worker("worker-5", home)
	before := w.starts("tick-0")
	w.await("the jobs to go on", func() bool { return w.starts("tick-0") >= before+8 })
	until := time.Now()
	w.settle(until)
	w.leave("worker-3", "worker-4", "worker-5", "scheduler-1", "scheduler-2")
	r := w.judge(from, until, calm())
	// The records are gone that the ledger speaks of: that alone is in order.
	r.Violations = only(r.Violations, func(v check.Violation) bool { return v.Rule != check.RuleAtomic })
	require.Empty(t, r.Violations, r.String())
}

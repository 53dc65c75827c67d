package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/belfry-cron/belfry/internal/run"
)

// future is one job due each fourth second, so that with a lead of ten
// seconds some of its runs are always staged and not started.
func (w *world) future(word, fields string) string {
	return fmt.Sprintf(`
jobs:
  - name: future
    schedule: "*/4 * * * * *"
    seconds: true
    command: '%s'
    %s
    %s
`, note(word), w.jobEnv(), fields)
}

// staged waits until a run of the job is held for later, and says until when.
func (w *world) staged() time.Time {
	w.t.Helper()
	var due time.Time
	w.await("a run to be staged", func() bool {
		for _, e := range w.events() {
			if e.Type == run.EventEnqueued && e.Job == "future" && time.Until(e.Due) > 3*time.Second {
				due = e.Due
			}
		}
		return !due.IsZero()
	})
	return due
}

// lead is that of the schedulers here, who have no broker to lose: what is due
// within it may stand on the deleted queue.
const lead = 5 * time.Second

func lead10() []string { return []string{"--lead", "10s"} }

// settled waits until nothing of the job is unfinished for due times up to to.
func (w *world) settled(to time.Time) {
	w.t.Helper()
	w.await("the runs to be settled", func() bool {
		open := map[run.ID]bool{}
		for _, e := range w.events() {
			switch {
			case e.Due.After(to):
			case e.Type == run.EventEnqueued:
				open[e.Run] = true
			default:
				if _, ok := e.Final(); ok {
					delete(open, e.Run)
				}
			}
		}
		return len(open) == 0
	})
}

// requireEachOnce fails if a due time of the job was started twice.
func (w *world) requireEachOnce() {
	w.t.Helper()
	seen := map[time.Time]string{}
	for _, l := range w.journal() {
		require.Empty(w.t, seen[l.due], "due %s started as %s and as %s", l.due, seen[l.due], l.word)
		seen[l.due] = l.word
	}
}

func TestAStagedRunOfAnEditedJobRunsTheNewDefinition(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1", lead10()...)
		w.worker("w1", "cluster-a")
		w.apply(w.future("old", ""))
		due := w.staged()
		w.apply(w.future("new", ""))
		w.until(due.Add(6 * time.Second))
		w.t.Cleanup(func() { w.tellStory("future", due) })
		w.settled(due)
		w.requireEachOnce()
		for _, l := range w.journal() {
			if l.due.Equal(due) {
				require.Equal(w.t, "new", l.word)
				return
			}
		}
		w.t.Fatalf("due time %s was not run", due)
	})
}

func TestAStagedRunOfAPausedJobIsTakenBack(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1", lead10()...)
		w.worker("w1", "cluster-a")
		w.apply(w.future("run", ""))
		due := w.staged()
		w.belfry("pause", "future")
		w.until(due.Add(time.Second))
		w.await("the ledger to say why", func() bool {
			for _, e := range w.events() {
				if e.State == run.StateSkipped && e.Due.Equal(due) && e.Reason == run.ReasonPaused {
					return true
				}
			}
			return false
		})
		for _, l := range w.journal() {
			require.True(w.t, l.due.Before(due), "due %s ran in a paused job", l.due)
		}
		w.belfry("resume", "future")
		ran := len(w.journal())
		w.await("the job to run again", func() bool { return len(w.journal()) > ran })
		w.requireEachOnce()
	})
}

func TestAStagedRunOfADeletedJobIsTakenBack(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1", lead10()...)
		w.worker("w1", "cluster-a")
		w.apply(w.future("run", ""))
		due := w.staged()
		w.apply("jobs: []", "--prune")
		w.until(due.Add(time.Second))
		w.settled(due)
		for _, l := range w.journal() {
			require.True(w.t, l.due.Before(due), "due %s ran after its job was deleted", l.due)
		}
	})
}

func TestRunsWaitForAPartitionsOwner(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.apply(w.ticking(1, ""))
		from := time.Now()
		w.until(from.Add(4 * time.Second))
		require.Empty(w.t, w.journal())
		w.worker("w1", "cluster-a")
		to := time.Now().Add(5 * time.Second)
		w.until(to)
		w.requireTicks(1, from, to)
	})
}

func TestAQueueIsResizedUnderTraffic(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		w.worker("w2", "cluster-a")
		from := w.begin(6, "")
		w.belfry("topics", "resize", "runs.cluster-a", "--partitions", "6")
		w.await("the workers to own the new partitions", func() bool {
			return len(w.member("w1").Runs.Partitions)+len(w.member("w2").Runs.Partitions) == 6
		})
		to := time.Now().Add(6 * time.Second)
		w.until(to)
		w.requireTicks(6, from, to)
	})
}

func TestAClusterIsAddedWhileOthersRun(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		from := w.begin(2, "")
		w.apply(fmt.Sprintf(`
clusters: [cluster-a, cluster-b, cluster-c]
jobs:
  - name: elsewhere
    cluster: cluster-c
    schedule: "* * * * * *"
    seconds: true
    command: '%s'
    %s
`, note("start"), w.jobEnv()))
		w.worker("w3", "cluster-c")
		w.await("the new cluster to run", func() bool { return w.count("start", "elsewhere") > 2 })
		to := time.Now()
		w.requireTicks(2, from, to)
	})
}

func TestADeletedQueueIsMadeAgainAndJobsGoOn(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		w.begin(2, "")
		responses, err := kadm.NewClient(w.cl).DeleteTopics(w.t.Context(), w.names.Runs("cluster-a"))
		require.NoError(w.t, err)
		require.NoError(w.t, responses.Error())
		deleted := time.Now()
		w.await("jobs to run again", func() bool {
			for _, l := range w.journal() {
				if l.due.After(deleted.Add(lead)) {
					return true
				}
			}
			return false
		})
	})
}

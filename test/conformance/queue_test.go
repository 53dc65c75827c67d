package conformance

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

func TestLongRunsKeepNobodyWaitingWhileASlotIsFree(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a", "--slots", "2")
		w.worker("w2", "cluster-a", "--slots", "2")
		w.apply(fmt.Sprintf(`
jobs:
  - {name: long-1, command: "%[1]s; exec sleep 3600", %[2]s}
  - {name: long-2, command: "%[1]s; exec sleep 3600", %[2]s}
  - {name: busy, command: "%[1]s; while :; do :; done", %[2]s}
`, note("start"), w.jobEnv()))
		for _, job := range []string{"long-1", "long-2", "busy"} {
			w.belfry("run", job)
			w.await(job+" to start", func() bool { return w.count("start", job) == 1 })
		}
		from := w.begin(1, "")
		to := time.Now().Add(8 * time.Second)
		w.until(to)
		w.requireTicks(1, from, to)
	})
}

func TestRetriesDoNotDisplaceFirstRuns(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a", "--slots", "2", "--retry-slots", "1")
		w.apply(fmt.Sprintf(`
jobs:
  - name: failing
    schedule: "* * * * * *"
    seconds: true
    command: '%s; [ $BELFRY_ATTEMPT = 1 ] || sleep 2; exit 1'
    retries: 2
    retry_backoff: {initial: 100ms, factor: 1, jitter: 0}
    %s
`, note("start"), w.jobEnv()))
		w.await("retries to run", func() bool { return w.count("start", "failing") > 4 })
		from := w.begin(1, "")
		to := time.Now().Add(8 * time.Second)
		w.until(to)
		w.requireTicks(1, from, to)
	})
}

func TestAFailingRunEndsInDeadLettersAndCanBeRunAgain(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		w.apply(fmt.Sprintf(`
jobs:
  - name: failing
    command: '%s; echo no such table; exit 3'
    retries: 2
    retry_backoff: {initial: 200ms, factor: 2, jitter: 0}
    %s
  - name: flaky
    command: '%s; [ $BELFRY_ATTEMPT = 3 ]'
    retries: 5
    retry_backoff: {initial: 100ms, factor: 1, jitter: 0}
    %s
`, note("start"), w.jobEnv(), note("start"), w.jobEnv()))
		w.belfry("run", "failing")
		w.belfry("run", "flaky")
		w.await("the dead letter", func() bool { return len(w.dead("cluster-a")) == 1 })
		letter := w.dead("cluster-a")[0]
		require.Equal(w.t, 3, letter.Run.Attempt)
		require.Equal(w.t, 3, letter.Outcome.ExitCode)
		require.Contains(w.t, letter.Outcome.Tail, "no such table")
		require.Equal(w.t, 3, w.count("start", "failing"))
		w.await("the flaky run to succeed", func() bool {
			for _, e := range w.events() {
				if state, ok := e.Final(); ok && e.Job == "flaky" {
					return state == run.StateSucceeded && e.Attempt == 3
				}
			}
			return false
		})
		w.belfry("dead", "requeue", string(letter.Run.ID))
		w.await("the requeued run to die, too", func() bool { return len(w.dead("cluster-a")) == 2 })
		require.Equal(w.t, 6, w.count("start", "failing"))
	})
}

func (w *world) dead(cluster string) []run.DeadLetter {
	w.t.Helper()
	var all []run.DeadLetter
	require.NoError(w.t, kafka.ReadAll(w.t.Context(), w.kafka, w.names.DeadOf(cluster), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		d, err := topic.DecodeDeadLetter(r.Value)
		all = append(all, d)
		return err
	}))
	return all
}

func TestRecordsOfTheOldFormatAreRun(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		shard := topic.Partition("old", 8)
		value := fmt.Sprintf(`{"name":"old","job":{"name":"old","schedule":"* * * * * *","seconds":true,`+
			`"command":["/bin/sh","-c",%q],"env":{"JOURNAL":%q}}}`, note("start"), w.journalPath())
		r := &kgo.Record{Topic: w.names.Jobs(), Partition: shard, Key: []byte("old"), Value: []byte(value)}
		require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), r).FirstErr())
		w.await("the old job to run", func() bool { return w.count("start", "old") > 3 })
	})
}

func TestWhatCannotBeReadGoesToDeadLettersAndEverythingGoesOn(t *testing.T) {
	conform(t, func(w *world) {
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		w.worker("w2", "cluster-a")
		from := w.begin(2, "")
		topics := []string{
			w.names.Jobs(), w.names.Commands(), w.names.Events(), w.names.Members(), w.names.Control(),
			w.names.Runs("cluster-a"), w.names.Retries("cluster-a"),
		}
		for _, name := range topics {
			for _, value := range []string{"{", `{"v":7}`} {
				r := &kgo.Record{Topic: name, Partition: 0, Key: []byte("x"), Value: []byte(value)}
				require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), r).FirstErr())
			}
		}
		w.await("all dead letters", func() bool { return len(w.unreadable()) == 2*len(topics) })
		to := time.Now().Add(4 * time.Second)
		w.until(to)
		w.requireTicks(2, from, to)
		require.Len(w.t, w.unreadable(), 2*len(topics), "each is kept once")
	})
}

// unreadable are the places that `dead list` names.
func (w *world) unreadable() []string {
	w.t.Helper()
	var letters []run.DeadLetter
	require.NoError(w.t, json.Unmarshal([]byte(w.belfry("dead", "list", "--output", "json")), &letters))
	var places []string
	for _, d := range letters {
		require.NotEmpty(w.t, d.Reason)
		if d.Topic != "" {
			places = append(places, fmt.Sprintf("%s/%d/%d", d.Topic, d.Partition, d.Offset))
		}
	}
	return places
}

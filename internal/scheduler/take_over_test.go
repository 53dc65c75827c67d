package scheduler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// ask sends a request to run a job that has an ID to tell it by.
func (w *world) ask(id, name string) run.ID {
	w.t.Helper()
	r := run.Request{Type: run.RequestRun, ID: id, Job: name, At: time.Now().UTC()}
	value, err := topic.EncodeRequest(r)
	require.NoError(w.t, err)
	w.produce(w.names.Commands(), name, value)
	return run.NewID(name, r.At, id)
}

// answered waits until the ledger says of a run that it was skipped.
func (w *world) answered(id run.ID) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		found := false
		require.NoError(w.t, kafka.ReadAll(w.t.Context(), w.kafka, w.names.Events(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			ev, err := topic.DecodeEvent(r.Value)
			found = found || ev.Run == id && ev.Type == run.EventSkipped
			return err
		}))
		return found
	}, time.Minute, 10*time.Millisecond)
}

// Where a shard's record is lost, nobody knows which commands were acted on:
// none that is in the log is acted on again, and those that follow are. The
// first was for a job that was not there yet, so that no state remembers it.
func TestWithoutItsRecordAShardActsOnWhatFollows(t *testing.T) {
	conform(t, func(w *world) {
		w.follow()
		stop := w.start("one")
		w.answered(w.ask("early", "asked"))
		w.define("asked", "")
		second := w.ask("second", "asked")
		require.Equal(t, second, w.receive("asked", 1)[0].ID)
		stop()
		w.produceTo(w.names.State(), topic.Partition("asked", shards), topic.ShardKey, nil)
		w.start("two")
		third := w.ask("third", "asked")
		require.Equal(t, third, w.receive("asked", 1)[0].ID)
	})
}

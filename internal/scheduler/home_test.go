package scheduler_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// copies copies every record of a topic into the partition behind its own.
func (w *world) copies(name string) {
	w.t.Helper()
	var all []*kgo.Record
	require.NoError(w.t, kafka.ReadAll(w.t.Context(), w.kafka, name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		all = append(all, &kgo.Record{Topic: name, Partition: (r.Partition + 1) % shards, Key: r.Key, Value: r.Value})
		return nil
	}))
	require.NotEmpty(w.t, all)
	require.NoError(w.t, w.cl.ProduceSync(w.t.Context(), all...).FirstErr())
}

// TestRecordsElsewhereAreNotActedOn: each due time runs once though its job,
// its state, its requests and its events are in another shard's partition as
// well; and the other shard's record is not taken for one's own.
func TestRecordsElsewhereAreNotActedOn(t *testing.T) {
	conform(t, func(w *world) {
		w.follow()
		stop := w.start("one")
		w.apply("ticking")
		value, err := topic.EncodeRequest(run.Request{Type: run.RequestRun, ID: "once", Job: "ticking", At: time.Now().UTC()})
		require.NoError(t, err)
		w.produce(w.names.Commands(), "ticking", value)
		runs := w.receive("ticking", 3)
		for _, name := range []string{w.names.Jobs(), w.names.Commands(), w.names.Events()} {
			w.copies(name)
		}
		runs = append(runs, w.receive("ticking", 3)...)
		stop()
		w.copies(w.names.State())
		w.metrics = prometheus.NewRegistry()
		w.start("two")
		runs = append(runs, w.receive("ticking", 6)...)
		seen, manual := map[run.Key]bool{}, 0
		ids := map[run.ID]bool{}
		for _, r := range runs {
			require.False(t, seen[r.Key()] || ids[r.ID], "%s was run twice", r.Due)
			seen[r.Key()], ids[r.ID] = true, true
			require.Equal(t, topic.Partition("ticking", shards), r.Shard)
			if r.Trigger == run.TriggerManual {
				manual++
			}
		}
		require.LessOrEqual(t, manual, 1)
		reasons := map[string]string{}
		require.NoError(t, kafka.ReadAll(t.Context(), w.kafka, w.names.Dead(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			d, err := topic.DecodeDeadLetter(r.Value)
			reasons[d.Topic] += d.Reason + "\n"
			return err
		}))
		for _, name := range w.names.Sharded() {
			require.Contains(t, reasons[name], `those of job "ticking" belong in`, name)
		}
		require.Contains(t, reasons[w.names.State()], "the record is of shard")
		families, err := w.metrics.Gather()
		require.NoError(t, err)
		for _, family := range families {
			if family.GetName() != "belfry_scheduler_set_aside_total" {
				continue
			}
			for _, m := range family.GetMetric() {
				require.Zero(t, m.GetCounter().GetValue(), "no job is set aside for what is elsewhere")
			}
		}
	})
}

// TestTheLargestRecordFits: as many bytes as are read, none of which can be
// compressed away, reach every kind of topic with the client's own limits.
func TestTheLargestRecordFits(t *testing.T) {
	conform(t, func(w *world) {
		value := make([]byte, topic.MaxRecord)
		_, err := rand.Read(value)
		require.NoError(t, err)
		tx, err := w.kafka.Transactional("largest")
		require.NoError(t, err)
		t.Cleanup(tx.Close)
		require.NoError(t, tx.BeginTransaction())
		for _, name := range []string{w.names.State(), w.names.Events(), w.names.Runs("cluster-a"), w.names.Members()} {
			r := &kgo.Record{Topic: name, Key: []byte("key"), Value: value}
			require.NoError(t, w.cl.ProduceSync(t.Context(), r).FirstErr())
			require.NoError(t, tx.ProduceSync(t.Context(), &kgo.Record{Topic: name, Key: []byte("key"), Value: value}).FirstErr())
		}
		require.NoError(t, tx.EndTransaction(t.Context(), kgo.TryCommit))
		read := 0
		require.NoError(t, kafka.ReadAll(t.Context(), w.kafka, w.names.State(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			require.Len(t, r.Value, topic.MaxRecord)
			read++
			return nil
		}))
		require.Equal(t, 2, read)
	})
}

// TestABeatUnderAnotherNameIsNobodys: the member it speaks of is not heard of.
func TestABeatUnderAnotherNameIsNobodys(t *testing.T) {
	conform(t, func(w *world) {
		value, err := topic.EncodeBeat(member.Beat{ID: "liar", Role: member.RoleScheduler, Incarnation: 1, Seq: 1, At: time.Now().UTC()})
		require.NoError(t, err)
		stop := w.start("one")
		require.NoError(t, w.cl.ProduceSync(t.Context(),
			&kgo.Record{Topic: w.names.Members(), Key: []byte("somebody"), Value: value}).FirstErr())
		w.apply("ticking")
		w.follow()
		w.receive("ticking", 2)
		stop()
		found := false
		require.NoError(t, kafka.ReadAll(t.Context(), w.kafka, w.names.Dead(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			d, err := topic.DecodeDeadLetter(r.Value)
			found = found || d.Topic == w.names.Members()
			return err
		}))
		require.True(t, found)
	})
}

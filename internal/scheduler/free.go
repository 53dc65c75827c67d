package scheduler

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// tellFree publishes each cluster's free slots, so that workers need not
// read every beat. The owner of shard 0 does it for all.
func (w *watcher) tellFree(members []member.Member) {
	type room struct{ runs, retries int }
	free := map[string]room{}
	for _, m := range members {
		if m.Role == member.RoleWorker && m.Status == member.StatusLive {
			r := free[m.Cluster]
			r.runs += m.Runs.Free
			r.retries += m.Retries.Free
			free[m.Cluster] = r
		}
	}
	for cluster, r := range free {
		value, err := topic.EncodeControl(run.Control{
			Type: run.ControlFree, At: time.Now().UTC(), Cluster: cluster,
			FreeSlots: r.runs, FreeRetrySlots: r.retries,
		})
		if err != nil {
			w.o.Log.Error("encoding the free slots", "error", err)
			continue
		}
		w.send(&kgo.Record{Topic: w.o.Names.Control(), Partition: 0, Key: []byte(cluster), Value: value}, "free slots")
	}
}

// unreadableBeat keeps a record of the members topic that means nothing. All
// schedulers read that topic; the owner of shard 0 writes for all.
func (w *watcher) unreadableBeat(r *kgo.Record, why error) {
	w.o.Log.Warn("unreadable beat", "offset", r.Offset, "error", why)
	if w.loops[0] == nil {
		return
	}
	value, err := topic.EncodeDeadLetter(deadLetter(r, why, w.o.Name))
	if err != nil {
		w.o.Log.Error("encoding a dead letter", "error", err)
		return
	}
	w.send(&kgo.Record{Topic: w.o.Names.Dead(), Partition: 0, Key: deadKey(r), Value: value}, "dead letter")
}

// send produces outside a transaction, what may be lost without harm.
func (w *watcher) send(r *kgo.Record, what string) {
	w.plain.TryProduce(context.Background(), r, func(_ *kgo.Record, err error) {
		if err != nil {
			w.metrics.errors.WithLabelValues(what, string(kafka.Classify(err))).Inc()
			w.o.Log.Warn("could not send", "what", what, "error", err)
		}
	})
}

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
	for cluster, room := range member.Rooms(members) {
		w.control(run.Control{
			Type: run.ControlFree, Cluster: cluster, FreeSlots: room.Runs, FreeRetrySlots: room.Retries,
		}, whatFreeSlots)
	}
}

// control tells the workers of a cluster something that may be lost without
// harm.
func (w *watcher) control(c run.Control, what string) {
	c.At = time.Now().UTC()
	value, err := topic.EncodeControl(c)
	if err != nil {
		w.o.Log.Error("encoding a control record", "what", what, "error", err)
		return
	}
	p := topic.ControlPartition(c.Cluster, w.controls)
	w.send(&kgo.Record{Topic: w.o.Names.Control(), Partition: p, Key: []byte(topic.ControlKey(&c)), Value: value}, what)
}

// unreadableBeat keeps a record of the members topic that means nothing. All
// schedulers read that topic, and each writes a letter: while shards change
// hands, nobody could be said to write for all. What stands there from before
// this life is left to those that lived then.
func (w *watcher) unreadableBeat(r *kgo.Record, why error) {
	w.o.Log.Warn("unreadable beat", "offset", r.Offset, "error", why)
	if !w.selfHeard {
		return
	}
	value, err := topic.EncodeDeadLetter(deadLetter(r, why, w.o.Name))
	if err != nil {
		w.o.Log.Error("encoding a dead letter", "error", err)
		return
	}
	w.send(&kgo.Record{Topic: w.o.Names.Dead(), Partition: 0, Key: deadKey(r), Value: value}, whatDeadLetter)
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

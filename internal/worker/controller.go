package worker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// readControl reads the recalls and cancels there are for our cluster, before
// anything is claimed, and returns where to go on. The topic keeps a day of
// them, which bounds this, and the latest word alone about each run.
func (w *worker) readControl(ctx context.Context) (map[int32]int64, error) {
	from := map[int32]int64{w.partitions.ofControl(w.o.Cluster): kafka.FromStart}
	return kafka.ReadFrom(ctx, w.o.Kafka, w.o.Names.Control(), from, kafka.ReadCommitted, func(r *kgo.Record) error {
		// Whoever lived when an unreadable one was written has kept it.
		if c, err := w.control(r); len(r.Value) > 0 && err == nil && w.concerns(c) {
			w.remember(c)
		}
		return nil
	})
}

// remember takes a record written before this life began.
func (w *worker) remember(c run.Control) {
	switch c.Type {
	case run.ControlFree, run.ControlConfirm: // out of date
	case run.ControlReplaced:
		w.exceed(c)
	case run.ControlRecall, run.ControlCancel:
		w.step(claim.Controlled{Control: c})
	}
}

// concerns reports whether c is for workers of our cluster: others may have
// the same partition, and earlier releases named none.
func (w *worker) concerns(c run.Control) bool { return c.Cluster == "" || c.Cluster == w.o.Cluster }

// control reads a control record.
func (w *worker) control(r *kgo.Record) (run.Control, error) {
	c, err := topic.DecodeControl(r.Value)
	if err == nil && w.concerns(c) {
		err = topic.CheckControlPlace(r.Key, &c)
	}
	return c, err
}

// takeControl tells the loop of a control record. One that cannot be read is
// kept in dead letters by every worker that sees it: they stand for one place.
func (w *worker) takeControl(r *kgo.Record) {
	if len(r.Value) == 0 {
		return
	}
	c, err := w.control(r)
	switch {
	case err != nil:
	case !w.concerns(c):
		return
	case c.Type == run.ControlReplaced:
		w.obey(c)
		return
	default:
		w.tell(claim.Controlled{Control: c})
		return
	}
	w.metrics.unreadable.WithLabelValues(ofControl).Inc()
	w.o.Log.Error("a control record cannot be read; it goes to dead letters",
		"partition", r.Partition, "offset", r.Offset, "error", err)
	w.reports.Produce(context.Background(), w.deadLetter(r, err), func(_ *kgo.Record, err error) {
		if err != nil {
			w.metrics.errors.WithLabelValues(whatDeadLetter, string(kafka.Classify(err))).Inc()
			w.o.Log.Error("a dead letter was not acknowledged", "error", err)
		}
	})
}

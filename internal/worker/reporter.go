package worker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// reportRetry is the pause before an event that Kafka refused is sent again.
// While Kafka does not answer at all, the client goes on by itself.
const reportRetry = time.Second

// author is who our events say they are by.
func (w *worker) author() claim.Author {
	return claim.Author{Name: w.o.Name, Incarnation: w.incarnation}
}

// record returns the record of an event, for the shard of its run.
func (w *worker) record(ev run.Event, shard int32) *kgo.Record {
	value, err := w.codec.EncodeEvent(ev)
	if err != nil {
		// Our own events hold nothing that JSON does not.
		w.o.Log.Error("encoding an event", "type", ev.Type, "run", ev.Run, "error", err)
	}
	return &kgo.Record{Topic: w.o.Names.Events(), Partition: shard, Key: []byte(ev.Job), Value: value}
}

// sendStarting writes `starting` and tells the loop whether it is in the log.
func (w *worker) sendStarting(ev run.Event, r run.Run) {
	w.produce(ev, r, func(err error) {
		if err != nil {
			w.tell(claim.StartingFailed{Key: r.Key()})
			return
		}
		w.tell(claim.StartingAcked{Key: r.Key()})
	})
}

// sendLast writes the last event about a run until it is in the log.
func (w *worker) sendLast(ev run.Event, r run.Run) {
	w.produce(ev, r, func(err error) {
		if err == nil {
			w.tell(claim.Settled{Key: r.Key()})
			return
		}
		time.AfterFunc(reportRetry, func() {
			select {
			case <-w.stopped:
			default:
				w.sendLast(ev, r)
			}
		})
	})
}

// produce writes one event; done is told how that ended.
func (w *worker) produce(ev run.Event, r run.Run, done func(error)) {
	w.reports.Produce(context.Background(), w.record(ev, r.Shard), func(_ *kgo.Record, err error) {
		switch {
		case err == nil && ev.Type != run.EventStarting:
			w.o.OnEvent(ev, r)
		case err != nil:
			w.metrics.errors.WithLabelValues(whatReport, string(kafka.Classify(err))).Inc()
			w.o.Log.Warn("an event was not acknowledged", "type", ev.Type, "run", ev.Run, "error", err)
		}
		done(err)
	})
}

// deadLetter returns the record that keeps r, which could not be read.
func (w *worker) deadLetter(r *kgo.Record, why error) *kgo.Record {
	place := topic.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
	value, err := topic.EncodeDeadLetter(topic.Unreadable(time.Now().UTC(), w.o.Name, why, place, r.Key, r.Value))
	if err != nil {
		w.o.Log.Error("encoding a dead letter", "error", err)
	}
	name, partition := w.partitions.ofDead(place.String())
	return &kgo.Record{Topic: name, Partition: partition, Key: []byte(place.String()), Value: value}
}

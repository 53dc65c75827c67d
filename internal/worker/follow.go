package worker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
)

// followRetry is the pause before a topic is followed again after an error.
const followRetry = time.Second

// follow calls take with each record of a topic from the given offsets on,
// until ctx ends.
func (w *worker) follow(ctx context.Context, topic string, i kafka.Isolation, from map[int32]int64, take func(*kgo.Record)) {
	for {
		err := kafka.Follow(ctx, w.o.Kafka, topic, from, i, func(r *kgo.Record) error {
			from[r.Partition] = r.Offset + 1
			take(r)
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		w.metrics.errors.WithLabelValues("follow", string(kafka.Classify(err))).Inc()
		w.o.Log.Warn("following a topic begins anew", "topic", topic, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(followRetry):
		}
	}
}

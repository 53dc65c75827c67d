package worker

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// The window of beats in which a worker looks for lives under its name: with
// up to 800 workers the last minute. It only matters to one whose clock was set
// back; should that be longer ago, schedulers tell it the number to exceed, and
// it ends and begins once more.
const selfSince, selfLeast, selfMost = time.Minute, 1_000, 50_000

// readSelf chooses the number of this life from the beats of our earlier ones.
func (w *worker) readSelf(ctx context.Context) error {
	lives, err := w.lives(ctx)
	w.incarnation = lives.Incarnation(w.o.Name, w.born)
	return err
}

// lives returns what the log says of our name. What cannot be read, schedulers
// put into dead letters.
func (w *worker) lives(ctx context.Context) (*member.View, error) {
	v := &member.View{}
	window := kafka.Window{Since: time.Now().Add(-selfSince), Least: selfLeast, Most: selfMost}
	_, err := kafka.ReadLanes(ctx, w.reports, w.o.Kafka, w.o.Names.Members(), w.lanes.Len(), window, func(r *kgo.Record) error {
		if string(r.Key) != w.o.Name {
			return nil
		}
		if b, err := topic.DecodeBeat(r.Value); err == nil {
			v.Observe(r.Partition, b)
		}
		return nil
	})
	return v, err
}

// exceed makes the number of this life, which has not begun, higher than one
// that schedulers know of.
func (w *worker) exceed(c run.Control) {
	if c.Member == w.o.Name {
		w.incarnation = max(w.incarnation, member.Life(c.Incarnation, w.born))
	}
}

// obey retires this worker when another process beats under its name: both
// would claim as one, and shards believe the newer.
func (w *worker) obey(c run.Control) {
	if c.Member == w.o.Name && c.Incarnation > w.incarnation {
		w.retire(ErrReplaced)
	}
}

// ousted reports whether somebody fenced us because a newer process has our
// name. A transaction that took too long is fenced too, by Kafka itself, so
// that the beats have the last word.
func (w *worker) ousted(ctx context.Context, err error) bool {
	if !errors.Is(err, kerr.ProducerFenced) && !errors.Is(err, kerr.InvalidProducerEpoch) {
		return false
	}
	lives, err := w.lives(ctx)
	return err == nil && lives.Replaced(w.o.Name, w.incarnation)
}

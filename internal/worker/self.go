package worker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
)

// readSelf reads the beats of our earlier lives, chooses the number of this
// one, and returns where to go on.
func (w *worker) readSelf(ctx context.Context) (map[int32]int64, error) {
	var past member.View
	from := map[int32]int64{0: kafka.FromStart}
	next, err := kafka.ReadFrom(ctx, w.o.Kafka, w.o.Names.Members(), from, kafka.ReadUncommitted, func(r *kgo.Record) error {
		w.observeSelf(&past, r)
		return nil
	})
	w.incarnation = past.Incarnation(w.o.Name, w.born)
	return next, err
}

// followSelf retires this worker when another process beats under its name:
// both would claim as one, and shards believe the newer.
func (w *worker) followSelf(ctx context.Context, from map[int32]int64, retire context.CancelCauseFunc) {
	var lives member.View
	w.follow(ctx, w.o.Names.Members(), kafka.ReadUncommitted, from, func(r *kgo.Record) {
		w.observeSelf(&lives, r)
		if lives.Replaced(w.o.Name, w.incarnation) {
			retire(ErrReplaced)
		}
	})
}

// observeSelf folds a beat of our name into v. What cannot be read, schedulers
// put into dead letters.
func (w *worker) observeSelf(v *member.View, r *kgo.Record) {
	if string(r.Key) != w.o.Name {
		return
	}
	if b, err := topic.DecodeBeat(r.Value); err == nil {
		v.Observe(b)
	}
}

package scheduler

import (
	"context"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
)

// farewellWait bounds the last beat.
const farewellWait = 2 * time.Second

// beat sends a beat each SchedulerEvery until ctx ends. A beat says that its
// sender lives now, so it is never queued: while one is in flight, the next
// is left out.
func (s *scheduler) beat(ctx context.Context) {
	tick := time.NewTicker(member.SchedulerEvery)
	defer tick.Stop()
	inFlight := make(chan struct{}, 1)
	for seq := int64(1); ; seq++ {
		select {
		case inFlight <- struct{}{}:
			s.sendBeat(ctx, s.self(seq), func() { <-inFlight })
		default:
			s.metrics.beatsLate.Inc()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *scheduler) sendBeat(ctx context.Context, b member.Beat, done func()) {
	value, err := topic.EncodeBeat(b)
	if err != nil {
		s.o.Log.Error("encoding a beat", "error", err)
		done()
		return
	}
	sent := time.Now()
	record := &kgo.Record{Topic: s.o.Names.Members(), Partition: 0, Key: []byte(b.ID), Value: value}
	s.plain.Produce(ctx, record, func(_ *kgo.Record, err error) {
		defer done()
		if err == nil {
			s.metrics.beats.Inc()
			s.facts.beaten.Note(sent)
			return
		}
		s.metrics.errors.WithLabelValues(whatBeat, string(kafka.Classify(err))).Inc()
		if ctx.Err() == nil {
			s.o.Log.Warn("a beat was not acknowledged", "error", err)
		}
	})
}

// farewell lets the others take over at once. A record that may have reached
// Kafka outlives its context, and without Kafka never ends.
func (s *scheduler) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), farewellWait)
	defer cancel()
	b := s.self(math.MaxInt64)
	b.Leaving = true
	done := make(chan struct{})
	s.sendBeat(ctx, b, func() { close(done) })
	select {
	case <-done:
	case <-ctx.Done():
	}
}

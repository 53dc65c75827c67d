package scheduler

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
)

// farewellWait bounds the last beat.
const farewellWait = 2 * time.Second

// beat sends a beat each SchedulerEvery until ctx ends.
func (s *scheduler) beat(ctx context.Context) {
	tick := time.NewTicker(member.SchedulerEvery)
	defer tick.Stop()
	for seq := int64(1); ; seq++ {
		s.sendBeat(ctx, s.self(seq))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *scheduler) sendBeat(ctx context.Context, b member.Beat) {
	value, err := topic.EncodeBeat(b)
	if err != nil {
		s.o.Log.Error("encoding a beat", "error", err)
		return
	}
	sent := time.Now()
	s.sent.note(b.Seq, sent.Sub(s.born))
	busy := s.lanes.Send(ctx, []byte(b.ID), value, func(lane int, err error) {
		if err == nil {
			s.metrics.beats.Inc()
			s.facts.beaten.Note(sent)
			return
		}
		s.metrics.errors.WithLabelValues(whatBeat, string(kafka.Classify(err))).Inc()
		if ctx.Err() == nil {
			s.o.Log.Warn("a beat was not acknowledged", "lane", lane, "error", err)
		}
	})
	s.metrics.beatsLate.Add(float64(busy))
}

// farewell lets the others take over at once. A record that may have reached
// Kafka outlives its context, and without Kafka never ends.
func (s *scheduler) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), farewellWait)
	defer cancel()
	b := s.self(math.MaxInt64)
	b.Leaving = true
	value, err := topic.EncodeBeat(b)
	if err != nil {
		s.o.Log.Error("encoding a beat", "error", err)
		return
	}
	s.lanes.SendLast(ctx, []byte(b.ID), value)
}

// sentMost is how many of the latest beats it is remembered when they were sent:
// those of a minute.
const sentMost = 120

// sentBeats is when the latest beats were sent.
type sentBeats struct {
	mu sync.Mutex
	at [sentMost]time.Duration
	of [sentMost]int64
}

func (s *sentBeats) note(seq int64, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[seq%sentMost], s.at[seq%sentMost] = seq, at
}

// when returns when a beat was sent, 0 if that is too long ago.
func (s *sentBeats) when(seq int64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[seq%sentMost] != seq {
		return 0
	}
	return s.at[seq%sentMost]
}

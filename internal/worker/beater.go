package worker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// beat sends a beat each WorkerEvery, and one at once when nudged, until ctx
// ends. A beat says that its sender lives now, so it is never queued: while
// one is in flight, the next is left out.
func (w *worker) beat(ctx context.Context) {
	tick := time.NewTicker(member.WorkerEvery)
	defer tick.Stop()
	inFlight := make(chan struct{}, 1)
	for {
		select {
		case inFlight <- struct{}{}:
			if b, ok := w.self(); ok {
				w.sendBeat(ctx, b, func() { <-inFlight })
			}
		default:
			w.metrics.beatsLate.Inc()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.nudge:
		}
	}
}

// self is what the next beat says.
func (w *worker) self() (member.Beat, bool) {
	var said claim.Beat
	ok := w.inLoop(func() {
		said = w.state.Beat(w.now())
		w.tellOverdue()
	})
	w.metrics.slotsFree.WithLabelValues(string(run.QueueRuns)).Set(float64(said.FreeSlots))
	w.metrics.slotsFree.WithLabelValues(string(run.QueueRetries)).Set(float64(said.FreeRetrySlots))
	w.metrics.held.Set(float64(said.Runs))
	w.metrics.ahead.Set(said.Ahead.Seconds())
	return w.describe(said), ok
}

func (w *worker) describe(said claim.Beat) member.Beat {
	b := member.Beat{
		ID: w.o.Name, Role: member.RoleWorker, Incarnation: w.incarnation, Seq: w.beatSeq.Add(1),
		At: time.Now().UTC(), Host: w.o.Host, Version: w.o.Version, Zones: w.o.Zones, StartedAt: w.born.UTC().Round(0),
		Cluster: w.o.Cluster, Claims: said.Claims, Unlisted: said.Runs,
	}
	if c := w.claimers[run.QueueRuns]; c != nil {
		b.Runs = member.Slots{Total: w.o.Slots, Free: said.FreeSlots, Partitions: c.claimable(said.ClaimsRuns)}
	}
	if c := w.claimers[run.QueueRetries]; c != nil {
		b.Retries = member.Slots{Total: w.o.RetrySlots, Free: said.FreeRetrySlots, Partitions: c.claimable(said.ClaimsRetries)}
	}
	return b
}

func (w *worker) sendBeat(ctx context.Context, b member.Beat, done func()) {
	value, err := topic.EncodeBeat(b)
	if err != nil {
		w.o.Log.Error("encoding a beat", "error", err)
		done()
		return
	}
	sent := w.mono()
	record := &kgo.Record{Topic: w.o.Names.Members(), Partition: 0, Key: []byte(b.ID), Value: value}
	w.beats.Produce(ctx, record, func(_ *kgo.Record, err error) {
		defer done()
		if err != nil {
			w.metrics.errors.WithLabelValues(whatBeat, string(kafka.Classify(err))).Inc()
			if ctx.Err() == nil {
				w.o.Log.Warn("a beat was not acknowledged", "error", err)
			}
			return
		}
		w.metrics.beats.Inc()
		w.beaten.Store(int64(sent))
		w.tell(claim.BeatAcked{Sent: sent})
	})
}

// farewell lets schedulers know at once that we are gone, and what we could
// not report.
func (w *worker) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	b := w.describe(w.state.Beat(w.now()))
	b.Leaving = true
	done := make(chan struct{})
	w.sendBeat(ctx, b, func() { close(done) })
	select {
	case <-done:
	case <-ctx.Done():
	}
}

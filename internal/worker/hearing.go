package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
)

// followRetry is the pause before control is followed again after an error.
const followRetry = time.Second

// hearing is how far control is known, for the loop and for the last look.
type hearing struct {
	mu   sync.Mutex
	of   claim.Hearing
	at   atomic.Int64  // since when nothing is missing, in mono ns
	soon chan struct{} // asks for a look at the end at once
}

// hurry has the end looked up soon.
func (h *hearing) hurry() {
	select {
	case h.soon <- struct{}{}:
	default:
	}
}

// asked returns when the end was looked up that control was read to.
func (h *hearing) asked() time.Duration { return time.Duration(h.at.Load()) }

// heard tells the loop of news about how far control was read.
func (w *worker) heard(note func(*claim.Hearing) (time.Duration, bool)) {
	w.hearing.mu.Lock()
	asked, news := note(&w.hearing.of)
	if news {
		w.hearing.at.Store(max(w.hearing.at.Load(), int64(asked)))
	}
	w.hearing.mu.Unlock()
	if news {
		w.tell(claim.ControlRead{Asked: asked})
	}
}

// followControl reads control from the given offsets on until ctx ends.
func (w *worker) followControl(ctx context.Context, from map[int32]int64) {
	partition := w.partitions.ofControl(w.o.Cluster)
	reached := func(_ int32, next int64) {
		from[partition] = next
		w.heard(func(h *claim.Hearing) (time.Duration, bool) { return h.Read(next) })
	}
	reached(partition, from[partition])
	for {
		err := kafka.FollowTo(ctx, w.o.Kafka, w.o.Names.Control(), from, kafka.ReadCommitted, func(r *kgo.Record) error {
			from[r.Partition] = r.Offset + 1
			w.takeControl(r)
			return nil
		}, reached)
		if ctx.Err() != nil {
			return
		}
		w.metrics.errors.WithLabelValues(whatControl, string(kafka.Classify(err))).Inc()
		w.o.Log.Warn("following control begins anew", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(followRetry):
		}
	}
}

// lookUpControl looks up where control ends: from time to time, and soon after
// runs were claimed. Nothing is started that it does not vouch for.
func (w *worker) lookUpControl(ctx context.Context) {
	tick := time.NewTicker(claim.ControlEvery)
	defer tick.Stop()
	for {
		asked := w.mono()
		end, err := w.endOfControl(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.metrics.errors.WithLabelValues(whatControl, string(kafka.Classify(err))).Inc()
			w.o.Log.Debug("the end of control is not known", "error", err)
		default:
			w.heard(func(h *claim.Hearing) (time.Duration, bool) { return h.Ended(asked, end) })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.hearing.soon:
		}
	}
}

// endOfControl returns the high watermark of the control topic: what is
// committed stands below it, and what may yet be, too. It is that of our
// cluster's partition.
func (w *worker) endOfControl(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, member.ControlFresh)
	defer cancel()
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = int8(kafka.ReadUncommitted)
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = w.o.Names.Control()
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition = w.partitions.ofControl(w.o.Cluster)
	p.Timestamp = -1 // the end
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, w.reports)
	if err != nil {
		return 0, fmt.Errorf("looking up the end of control: %w", err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, errors.New("looking up the end of control: Kafka says nothing of it")
	}
	answer := resp.Topics[0].Partitions[0]
	return answer.Offset, kerr.ErrorForCode(answer.ErrorCode)
}

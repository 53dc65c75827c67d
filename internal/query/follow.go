package query

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// errEnded ends the reading of a log that goes on.
var errEnded = errors.New("ended")

// Follow calls each for every chunk that an attempt of the run (0: all) writes,
// until the run's shard has ended the run, and returns what became of it. The
// events are read from the offsets that EventsFrom gave. Each is called from
// one goroutine, and not after Follow has returned.
func (t *Topics) Follow(ctx context.Context, f Found, from map[int32]int64, attempt int, each func(run.Output) error) (ledger.Run, error) {
	o := &output{id: f.ID, attempt: attempt, each: each}
	shown := make(chan error, 1)
	following, stop := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() { shown <- t.followOutput(following, f, o) })
	defer reader.Wait()
	defer stop()
	end, err := t.followEvents(ctx, f.ID, from)
	if err != nil {
		return ledger.Run{}, err
	}
	last := LastToWrite(&end)
	if last == 0 {
		return end, nil // skipped, or nothing was written
	}
	return end, o.await(last, shown)
}

// followEvents folds the events of a run until its shard has ended it.
func (t *Topics) followEvents(ctx context.Context, id run.ID, from map[int32]int64) (ledger.Run, error) {
	l := ledger.New(ledger.Options{})
	err := kafka.Follow(ctx, t.Kafka, t.Names.Events(), from, kafka.ReadCommitted, func(r *kgo.Record) error {
		if e, err := topic.DecodeEvent(r.Value); err == nil && e.Run == id {
			l.Fold(e)
		}
		if r, ok := l.Run(id); ok && r.Ended() {
			return errEnded
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnded) {
		return ledger.Run{}, err
	}
	end, _ := l.Run(id)
	return end, nil
}

// LastToWrite returns the latest attempt that may have written something; 0
// if none has. What a lost one wrote nobody counted.
func LastToWrite(r *ledger.Run) int {
	for i, a := range slices.Backward(r.Attempts) {
		if a.Outcome == nil || a.Outcome.OutputBytes > 0 || a.Outcome.State == run.StateLost {
			return i + 1
		}
	}
	return 0
}

package scheduler

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/kafka"
)

const (
	// maxOrders bounds the batches of commands that wait for definitions;
	// beyond it the feeder waits.
	maxOrders = 16
	// askAgain is the pause before the end of the jobs is asked for once more.
	askAgain = 100 * time.Millisecond
)

// orders passes commands on to the loop once the jobs topic was read to the
// end it had when they came: a command may concern a job that was applied right
// before it, and each topic is read at its own pace. A batch that comes to the
// feeder through commands is sent through into; jobs tells how far that topic
// was given to the loop, and read how far it was at the start: the tenure's own
// number belongs to the loop, which goes on meanwhile.
func (t *tenure) orders(ctx context.Context, read int64, commands <-chan batch, jobs <-chan int64, into chan<- batch) {
	for {
		var b batch
		select {
		case <-ctx.Done():
			return
		case read = <-jobs:
			continue
		case b = <-commands:
		}
		end, err := t.jobsEnd(ctx)
		if err != nil {
			return
		}
		for read < end {
			select {
			case <-ctx.Done():
				return
			case read = <-jobs:
			}
		}
		select {
		case <-ctx.Done():
			return
		case into <- b:
		}
	}
}

// jobsEnd asks where the shard's jobs end now, until somebody answers.
func (t *tenure) jobsEnd(ctx context.Context) (int64, error) {
	for {
		ends, err := kafka.Ends(ctx, t.plain, t.o.Names.Jobs())
		if end, ok := ends[t.shard]; ok && err == nil {
			return end, nil
		}
		t.metrics.errors.WithLabelValues(whatJobsEnd, string(kafka.Classify(err))).Inc()
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(askAgain):
		}
	}
}

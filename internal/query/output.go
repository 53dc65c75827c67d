package query

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// BeforeDue is how long before a run's due time its first records may stand
// in the log: it is staged a lead ahead, and clocks differ.
const BeforeDue = 10 * time.Minute

// closingWait is how long to wait for the end of a run's output once the run
// has ended. A worker that was lost never wrote one.
const closingWait = 2 * time.Second

// Output calls each for every chunk that an attempt of the run (0: all) has
// written up to now, in their order. An error of each ends it and is returned,
// wrapped. The output is looked for in the partition that the run's ID belongs
// to, then in the others: the topic may have had fewer partitions when it was
// written.
func (t *Topics) Output(ctx context.Context, f Found, attempt int, each func(run.Output) error) error {
	name := t.Names.Output(f.Cluster)
	all, err := t.offsetsAt(ctx, name, nil, f.Due.Add(-BeforeDue))
	if err != nil {
		return err
	}
	home := topic.Partition(string(f.ID), int32(max(len(all), 1)))
	o := &output{id: f.ID, attempt: attempt, each: each}
	for _, first := range []bool{true, false} {
		from := map[int32]int64{}
		for partition, at := range all {
			if (partition == home) == first {
				from[partition] = at
			}
		}
		t.begins(name)
		if _, err := kafka.ReadFrom(ctx, t.Kafka, name, from, kafka.ReadCommitted, o.take); err != nil {
			return fmt.Errorf("reading the output: %w", err)
		}
		if o.chunks > 0 {
			return nil
		}
	}
	return nil
}

// followOutput hands on what the run writes until ctx ends.
func (t *Topics) followOutput(ctx context.Context, f Found, o *output) error {
	name := t.Names.Output(f.Cluster)
	from, err := t.offsetsAt(ctx, name, nil, f.Due.Add(-BeforeDue))
	if err != nil {
		return err
	}
	return kafka.Follow(ctx, t.Kafka, name, from, kafka.ReadCommitted, o.take)
}

// output picks out of an output topic what one run wrote.
type output struct {
	id      run.ID
	attempt int // only this one; 0 for all
	each    func(run.Output) error
	chunks  int

	mu     sync.Mutex
	closed int           // the attempt whose output was closed last
	change chan struct{} // closed with the next change of closed; nil if nobody waits
}

// take takes a record of the topic.
func (o *output) take(r *kgo.Record) error {
	chunk, err := topic.DecodeOutput(r.Value)
	wanted := err == nil && chunk.Run == o.id && (o.attempt == 0 || chunk.Attempt == o.attempt)
	if !wanted {
		return nil
	}
	o.chunks++
	if err := o.each(chunk); err != nil {
		return err
	}
	if chunk.Last {
		o.close(chunk.Attempt)
	}
	return nil
}

func (o *output) close(attempt int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = max(o.closed, attempt)
	if o.change != nil {
		close(o.change)
		o.change = nil
	}
}

// await waits for the end of an attempt's output, within reason. If the reader
// ends before, it returns why.
func (o *output) await(attempt int, ended <-chan error) error {
	limit := time.NewTimer(closingWait)
	defer limit.Stop()
	for {
		o.mu.Lock()
		if o.closed >= attempt {
			o.mu.Unlock()
			return nil
		}
		change := make(chan struct{})
		o.change = change
		o.mu.Unlock()
		select {
		case <-change:
		case err := <-ended:
			return err
		case <-limit.C:
			return nil
		}
	}
}

package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// batchRecords is how many records are folded at once, at the most.
	batchRecords = 5000
	// pollWait is how long the reading waits for records before it looks after
	// pruning; prunePoll how long between two steps of that.
	pollWait  = time.Second
	prunePoll = 5 * time.Millisecond
	// retryAfter is how long after Kafka or the disk refused something it is
	// tried again.
	retryAfter = time.Second

	fetchBytes     = 8 << 20 // of one answer
	partitionBytes = 1 << 20 // of one partition in it
)

// Options say what is read, and into what.
type Options struct {
	Kafka   kafka.Options
	Names   topic.Names
	History *history.DB
	Log     *slog.Logger // nil discards
}

// Tail reads all topics into history and tells listeners.
type Tail struct {
	o Options

	mu sync.Mutex
	fan
	reach
	trouble string
}

// New returns a tail that reads once it is run.
func New(o Options) *Tail {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tail{o: o, fan: newFan()}
	t.rewind(nil)
	return t
}

// Run reads until ctx ends, and returns its error; or history.ErrClosed. What
// Kafka or the disk refuse meanwhile is tried again: Progress tells. It may be
// called once.
func (t *Tail) Run(ctx context.Context) error {
	defer t.end()
	for {
		err := t.session(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, history.ErrClosed):
			return err
		case errors.Is(err, history.ErrRebuilt):
			t.o.Log.Warn("history is built anew from the log")
			continue
		}
		t.fail(err)
		if err := pause(ctx, retryAfter); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// fail keeps why nothing is read, and logs it once.
func (t *Tail) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	words := ""
	if err != nil {
		words = err.Error()
	}
	if words != "" && words != t.trouble {
		t.o.Log.Warn("history does not go on", "error", err)
	}
	t.trouble = words
}

// session reads with one client, from where history is.
func (t *Tail) session(ctx context.Context) error {
	offsets, err := t.o.History.Offsets(ctx)
	if err != nil {
		return err
	}
	cl, err := t.o.Kafka.Client(
		kgo.KeepControlRecords(), // they end transactions, and are passed like records
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(partitionBytes), kgo.MaxConcurrentFetches(1),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // where retention was faster
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	t.mu.Lock()
	t.rewind(offsets)
	t.mu.Unlock()

	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	w := &watch{Tail: t, cl: cl, from: offsets}
	if err := w.look(ctx); err != nil {
		return err
	}
	watching.Go(func() { w.run(ctx) })
	return t.read(ctx, cl)
}

// read folds what comes until something fails.
func (t *Tail) read(ctx context.Context, cl *kgo.Client) error {
	wait := pollWait
	for {
		fetches := poll(ctx, cl, wait)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fetches.Err0(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("reading the topics: %w", err)
		}
		fetches.EachError(func(name string, partition int32, err error) {
			if name != "" { // the client tries again
				t.o.Log.Debug("reading a partition", "topic", name, "partition", partition, "error", err)
			}
		})
		records := recordsOf(fetches)
		t.polled(len(records), wait)
		if len(records) > 0 {
			if err := t.fold(ctx, records); err != nil {
				return err
			}
		}
		more, err := t.o.History.Prune(ctx, time.Now())
		if errors.Is(err, history.ErrRebuilt) || errors.Is(err, history.ErrClosed) {
			return err
		}
		if wait = pollWait; more && err == nil {
			wait = prunePoll
		}
	}
}

// poll waits so long for records.
func poll(ctx context.Context, cl *kgo.Client, wait time.Duration) kgo.Fetches {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return cl.PollRecords(ctx, batchRecords)
}

func recordsOf(fetches kgo.Fetches) []history.Record {
	records := make([]history.Record, 0, fetches.NumRecords())
	fetches.EachRecord(func(r *kgo.Record) {
		records = append(records, history.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, At: r.Timestamp, Key: r.Key, Value: r.Value,
			Marker: r.Attrs.IsControl(),
		})
	})
	return records
}

// fold folds records, however long the disk is full, and tells of the changes.
func (t *Tail) fold(ctx context.Context, records []history.Record) error {
	for {
		folded, err := t.o.History.Fold(ctx, records)
		if err == nil {
			t.fail(nil)
			t.tell(records, folded.Changes)
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, history.ErrRebuilt) || errors.Is(err, history.ErrClosed) {
			return err
		}
		t.fail(errors.New(t.o.History.Trouble()))
		if err := pause(ctx, retryAfter); err != nil {
			return err
		}
	}
}

// polled notes whether there was anything to read.
func (t *Tail) polled(records int, waited time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = records == 0 && waited == pollWait
}

// tell notes how far was read, and hands the changes out.
func (t *Tail) tell(records []history.Record, changes []history.Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range records {
		t.passed(&records[i])
	}
	t.output(changes)
	switch {
	case t.ready:
		t.spread(changes)
	case t.settle():
		t.anew()
	}
}

// end closes everything that listens.
func (t *Tail) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.close()
}

// Live begins to read what a run writes: first the tail that history keeps, with
// the bytes that stood before it, then what comes.
func (t *Tail) Live(ctx context.Context, id run.ID) (*Live, error) {
	l := &Live{t: t, id: id}
	t.mu.Lock()
	t.watchRun(l)
	if t.over {
		l.end()
	}
	t.mu.Unlock()
	kept, err := t.o.History.Output(ctx, id)
	if err != nil {
		l.Close()
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l.begin(kept)
	return l, nil
}

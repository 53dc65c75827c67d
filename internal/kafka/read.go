package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	fetchWait      = 200 * time.Millisecond
	fetchBytes     = 16 << 20 // of one answer
	partitionBytes = 2 << 20  // of one partition in it

	// openTransactionWait is how long a read-committed read waits for the
	// transactions that were open when it began. Healthy ones end in tens of
	// milliseconds; one whose producer died may take transactionTimeout.
	openTransactionWait = 3 * time.Second

	// readStall is how long a read goes on without any answer.
	readStall = 30 * time.Second
)

// Isolation says whether records of open and aborted transactions are read.
type Isolation int8

// The isolation levels. A resolved read takes the records of each transaction
// when it meets its commit, so that a transaction that somebody else left open
// hides nothing behind it; the records come in another order than they stand.
const (
	ReadUncommitted Isolation = iota
	ReadCommitted
	ReadResolved
)

func (i Isolation) level() kgo.IsolationLevel {
	if i == ReadCommitted {
		return kgo.ReadCommitted()
	}
	return kgo.ReadUncommitted()
}

// ReadAll calls each for every record of the partitions (nil means all) from
// the start to the end the topic has now, in the order of each partition. A
// read-committed read waits up to three seconds for transactions that are
// open at its beginning, then ends before the first that still is. It joins
// no group. An error of each ends it and is returned.
func ReadAll(ctx context.Context, o Options, topic string, partitions []int32, isolation Isolation, each func(*kgo.Record) error) error {
	_, err := ReadFrom(ctx, o, topic, fromStart(partitions), isolation, each)
	return err
}

// FromStart, as an offset, means the first a partition still holds.
const FromStart int64 = -2

func fromStart(partitions []int32) map[int32]int64 {
	if partitions == nil {
		return nil
	}
	from := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		from[p] = FromStart
	}
	return from
}

// ReadFrom is ReadAll from the given offset of each partition (nil means all
// partitions from their start). It returns the offset behind the last read of
// each partition, also on an error: reading goes on there.
func ReadFrom(ctx context.Context, o Options, topic string, from map[int32]int64, isolation Isolation, each func(*kgo.Record) error) (map[int32]int64, error) {
	cl, err := o.Client()
	if err != nil {
		return from, err
	}
	defer cl.Close()
	return read(ctx, cl, reading{topic: topic, from: from, isolation: isolation, log: o.Log}, each)
}

// Follow is ReadFrom without an end: it goes on with what is written later,
// until ctx ends, whose error it returns.
func Follow(ctx context.Context, o Options, topic string, from map[int32]int64, isolation Isolation, each func(*kgo.Record) error) error {
	cl, err := o.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	_, err = read(ctx, cl, reading{topic: topic, from: from, isolation: isolation, follow: true, log: o.Log}, each)
	return err
}

// FollowTo is Follow that also says, after each answer, up to where a
// partition was read: past markers, and past what is compacted away.
func FollowTo(ctx context.Context, o Options, topic string, from map[int32]int64, isolation Isolation, each func(*kgo.Record) error, reached func(partition int32, next int64)) error {
	cl, err := o.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	_, err = read(ctx, cl, reading{topic: topic, from: from, isolation: isolation, follow: true, log: o.Log, reached: reached}, each)
	return err
}

// reading is one read of a topic. It sends its own fetches rather than
// consume: only a fetch's answer tells how far a partition was read when its
// last offsets hold markers or nothing at all (compacted away).
type reading struct {
	topic     string
	from      map[int32]int64
	isolation Isolation
	follow    bool
	log       *slog.Logger
	reached   func(partition int32, next int64) // may be nil

	cl *kgo.Client
	place
	resolver
	next  map[int32]int64 // where each partition is to be read next
	until map[int32]int64 // its end; without follow, partitions leave when they reach it
	open  time.Time       // when an open transaction was first in the way
}

func read(ctx context.Context, cl *kgo.Client, r reading, each func(*kgo.Record) error) (map[int32]int64, error) {
	r.cl = cl
	if r.isolation == ReadResolved {
		r.resolver = resolver{open: map[producer][]*kgo.Record{}}
	}
	if err := r.begin(ctx); err != nil {
		return r.from, fmt.Errorf("reading topic %s: %w", r.topic, err)
	}
	answered := time.Now()
	for len(r.until) > 0 {
		answers, err := r.fetch(ctx)
		if err == nil {
			answered = time.Now()
		}
		for _, a := range answers {
			for _, record := range r.resolve(a.records) {
				if err := each(record); err != nil {
					return r.next, err
				}
				r.next[record.Partition] = max(r.next[record.Partition], record.Offset+1)
			}
			r.advance(a)
			if r.reached != nil {
				r.reached(a.partition, r.next[a.partition])
			}
		}
		switch {
		case ctx.Err() != nil:
			return r.next, ctx.Err()
		case err == nil:
			continue
		case !transient(err) || time.Since(answered) > readStall:
			return r.next, fmt.Errorf("reading topic %s: %w", r.topic, err)
		}
		if err := pause(ctx, retryBackoff); err != nil {
			return r.next, err
		}
		switch place, err := locate(ctx, cl, r.topic); {
		case err == nil:
			if place = place.only(r.from); place.led() == nil {
				r.place = place // else who led before is asked again
			}
		case !transient(err):
			return r.next, fmt.Errorf("reading topic %s: %w", r.topic, err)
		}
	}
	return r.next, nil
}

// transient reports whether asking again may help.
func transient(err error) bool {
	class := Classify(err)
	return class == ClassUnreachable || class == ClassTimeout || kerr.IsRetriable(err) && class != ClassTopicGone
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// answer is what a fetch said of one partition.
type answer struct {
	partition int32
	records   []*kgo.Record
	next      int64
	stable    int64 // the last stable offset
}

// fetch asks every leader once, at the same time, and returns what was
// answered together with the first error.
func (r *reading) fetch(ctx context.Context) ([]answer, error) {
	requests := map[int32]*kmsg.FetchRequest{}
	for p := range r.until {
		leader := r.leaders[p].id
		if requests[leader] == nil {
			requests[leader] = r.request()
		}
		partition := kmsg.NewFetchRequestTopicPartition()
		partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = p, r.next[p], partitionBytes
		partition.CurrentLeaderEpoch = r.leaders[p].epoch
		t := &requests[leader].Topics[0]
		t.Partitions = append(t.Partitions, partition)
	}
	var (
		mu       sync.Mutex
		wg       sync.WaitGroup
		answers  []answer
		failures []error
	)
	for leader, req := range requests {
		wg.Go(func() {
			got, err := r.ask(ctx, leader, req)
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, got...)
			if err != nil {
				failures = append(failures, err)
			}
		})
	}
	wg.Wait()
	return answers, errors.Join(failures...)
}

func (r *reading) request() *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(fetchWait.Milliseconds()), 1, fetchBytes
	if r.isolation == ReadCommitted {
		req.IsolationLevel = 1
	}
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = r.topic, r.id
	req.Topics = append(req.Topics, t)
	return req
}

func (r *reading) ask(ctx context.Context, leader int32, req *kmsg.FetchRequest) ([]answer, error) {
	resp, err := req.RequestWith(ctx, r.cl.Broker(int(leader)))
	if err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	var answers []answer
	var failures []error
	for _, t := range resp.Topics {
		for i := range t.Partitions {
			a, err := r.decode(&t.Partitions[i])
			if err != nil {
				failures = append(failures, err)
				continue
			}
			answers = append(answers, a)
		}
	}
	return answers, errors.Join(failures...)
}

func (r *reading) decode(p *kmsg.FetchResponseTopicPartition) (answer, error) {
	fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset:         r.next[p.Partition],
		IsolationLevel: r.isolation.level(),
		Topic:          r.topic,
		Partition:      p.Partition,

		KeepControlRecords: r.isolation == ReadResolved,
	}, p, kgo.DefaultDecompressor(), nil)
	if errors.Is(fetched.Err, kerr.OffsetOutOfRange) && fetched.LogStartOffset > r.next[p.Partition] {
		// Retention was faster: go on at what is left.
		return answer{partition: p.Partition, next: fetched.LogStartOffset, stable: fetched.LogStartOffset}, nil
	}
	if fetched.Err != nil {
		return answer{}, fmt.Errorf("partition %d: %w", p.Partition, fetched.Err)
	}
	return answer{p.Partition, fetched.Records, next, fetched.LastStableOffset}, nil
}

// advance moves a partition on and drops it once it is read to its end, or
// once an open transaction has been in the way for too long.
func (r *reading) advance(a answer) {
	r.next[a.partition] = max(r.next[a.partition], a.next)
	if r.follow {
		return
	}
	if r.next[a.partition] >= r.until[a.partition] {
		delete(r.until, a.partition)
		return
	}
	if r.isolation != ReadCommitted || r.next[a.partition] < a.stable {
		return
	}
	if r.open.IsZero() {
		r.open = time.Now()
	}
	if time.Since(r.open) < openTransactionWait {
		return
	}
	if r.log != nil {
		r.log.Warn("an open transaction hides the end of a topic", "topic", r.topic, "partition", a.partition,
			"offset", a.stable, "end", r.until[a.partition])
	}
	delete(r.until, a.partition)
}

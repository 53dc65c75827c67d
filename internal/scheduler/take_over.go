package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// loadChunk bounds the definitions given to the core in one step at load,
	// loadAhead the chunks that are decoded ahead of it.
	loadChunk = 1000
	loadAhead = 4
)

// takeOver makes this scheduler the only one that can commit for the shard:
// asking for the producer ID fences the predecessor and ends the transaction
// it may have left open.
func (l *loop) takeOver(ctx context.Context) (*tenure, error) {
	id := l.o.Names.Prefix + "scheduler." + strconv.Itoa(int(l.shard))
	cl, err := l.o.Kafka.Transactional(id, kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	if _, _, err := cl.ProducerID(ctx); err != nil {
		cl.Close()
		return nil, fmt.Errorf("fencing the shard's last owner: %w", err)
	}
	return &tenure{loop: l, cl: cl}, nil
}

func (t *tenure) close() { t.cl.Close() }

// load rebuilds the core from the log.
func (t *tenure) load(ctx context.Context) error {
	if err := t.barrier(ctx); err != nil {
		return err
	}
	t.core = shard.New(shard.Config{Shard: t.shard, By: t.o.Name, Lead: t.o.Lead}, nil)
	unreadable, err := t.loadStates(ctx)
	if err != nil {
		return err
	}
	if err := t.replay(ctx); err != nil {
		return err
	}
	t.saved, t.replayed = t.read, t.read.Jobs
	return t.loadJobs(ctx, append(t.known(), unreadable...))
}

// barrier commits a record behind everything the predecessor committed. That
// it can be committed proves the shard is ours; the state is complete once it
// has been read up to it.
func (t *tenure) barrier(ctx context.Context) error {
	value, err := topic.EncodeShard(topic.ShardRecord{
		Shard: t.shard, Owner: t.o.Name, Incarnation: t.incarnation, At: time.Now().UTC(),
	})
	if err != nil {
		return err
	}
	return t.transact(ctx, []*kgo.Record{{
		Topic: t.o.Names.State(), Partition: t.shard, Key: []byte(topic.BarrierKey), Value: value,
	}})
}

// loadStates reads the shard's state. It may take long to have been fenced
// meanwhile: then the next commit fails, and nothing has happened. Jobs whose
// state cannot be read are set aside. A shard record of a later release leaves
// the shard to that.
func (t *tenure) loadStates(ctx context.Context) ([]shard.Input, error) {
	unreadable := map[string]shard.Unreadable{}
	ours, known, states := false, false, 0
	err := kafka.ReadAll(ctx, t.o.Kafka, t.o.Names.State(), []int32{t.shard}, kafka.ReadCommitted, func(r *kgo.Record) error {
		key := string(r.Key)
		var err error
		switch {
		case key == topic.BarrierKey:
			var b topic.ShardRecord
			b, err = topic.DecodeShard(r.Value)
			ours = err == nil && b.Shard == t.shard && b.Incarnation == t.incarnation
		case key == topic.ShardKey:
			var rec topic.ShardRecord
			rec, err = topic.DecodeShard(r.Value)
			if errors.Is(err, topic.ErrVersion) {
				return fmt.Errorf("shard %d belongs to a later release: %w", t.shard, err)
			}
			if misplaced := topic.CheckShardPlace(placeOf(r), rec); err == nil && misplaced != nil {
				err = misplaced // what the owner wrote before it stands
				break
			}
			t.read, known = rec, err == nil
		case len(r.Value) == 0:
			t.core.Discard(key)
		default:
			states++
			t.core.Discard(key)
			var st shard.JobState
			if st, err = t.codec.DecodeState(r.Value); err == nil {
				err = topic.CheckJobPlace(placeOf(r), r.Key, st.Job, t.o.Shards)
			}
			if err == nil {
				t.core.Restore(st)
			}
		}
		delete(unreadable, key)
		if err != nil {
			t.metrics.unreadable.WithLabelValues(ofState).Inc()
			unreadable[key] = shard.Unreadable{Letter: deadLetter(r, err, t.o.Name)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !ours {
		return nil, errNotOurs
	}
	t.read.Unknown = nil
	if !known && states > 0 {
		if err := t.forget(ctx); err != nil {
			return nil, err
		}
	}
	inputs := make([]shard.Input, 0, 2*len(unreadable))
	for _, key := range slices.Sorted(maps.Keys(unreadable)) {
		inputs = append(inputs, unreadable[key])
		if topic.IsJobKey(key) && topic.Partition(key, t.o.Shards) == t.shard {
			inputs = append(inputs, shard.SetAside{Job: key, Reason: run.ReasonUnreadableState})
			t.metrics.setAside.WithLabelValues(run.ReasonUnreadableState).Inc()
			t.o.Log.Error("set a job aside: its state cannot be read; a later release may, else delete its record in the state topic",
				"job", key, "shard", t.shard)
		}
	}
	return inputs, nil
}

// forget begins with what is written from now on: nobody knows how far
// commands and events were acted on, and acting twice is worse than not at all.
func (t *tenure) forget(ctx context.Context) error {
	t.o.Log.Error("the shard's record is lost: commands and reports that are in the log already are not acted on", "shard", t.shard)
	commands, err := kafka.Ends(ctx, t.plain, t.o.Names.Commands())
	if err != nil {
		return err
	}
	events, err := kafka.Ends(ctx, t.plain, t.o.Names.Events())
	if err != nil {
		return err
	}
	t.read.Commands, t.read.Events = commands[t.shard], events[t.shard]
	return nil
}

// replay brings the states up to date with what the log of events says beyond
// them. The predecessor's transactions have all ended, since it was fenced; a
// worker's that is open need not be waited for.
func (t *tenure) replay(ctx context.Context) error {
	_, err := kafka.ReadFrom(ctx, t.o.Kafka, t.o.Names.Events(), map[int32]int64{t.shard: t.read.Replay},
		kafka.ReadResolved, func(r *kgo.Record) error {
			if ev, err := t.event(r); err == nil {
				t.core.Replay(run.Logged{Event: ev, Offset: r.Offset})
			}
			return nil
		})
	if err != nil {
		return err
	}
	t.read.Events = t.core.EndReplay(t.read.Events, t.read.Replay)
	return nil
}

// loadJobs gives the core every definition. Those before the saved offset
// were acted on by an earlier owner. While the core takes a chunk, the next
// ones are read and decoded.
func (t *tenure) loadJobs(ctx context.Context, inputs []shard.Input) error {
	ctx, stop := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	chunks := make(chan []shard.Input, loadAhead)
	var next int64
	var err error
	reading.Go(func() {
		defer close(chunks)
		next, err = t.readJobs(ctx, chunks)
	})
	for chunk := range chunks {
		if err := t.step(ctx, append(inputs, chunk...)); err != nil {
			return err
		}
		inputs = nil
	}
	if err != nil {
		return err
	}
	t.read.Jobs = max(t.read.Jobs, next)
	return t.step(ctx, append(inputs, shard.JobsLoaded{}))
}

// readJobs decodes every definition, in chunks. It returns the offset behind
// the last.
func (t *tenure) readJobs(ctx context.Context, chunks chan<- []shard.Input) (int64, error) {
	var chunk []shard.Input
	next, err := kafka.ReadFrom(ctx, t.o.Kafka, t.o.Names.Jobs(), map[int32]int64{t.shard: kafka.FromStart},
		kafka.ReadCommitted, func(r *kgo.Record) error {
			chunk = append(chunk, t.jobInput(r))
			if len(chunk) < loadChunk {
				return nil
			}
			full := chunk
			chunk = make([]shard.Input, 0, loadChunk)
			if !give(ctx, chunks, full) {
				return ctx.Err()
			}
			return nil
		})
	if err != nil {
		return 0, err
	}
	if !give(ctx, chunks, chunk) {
		return 0, ctx.Err()
	}
	return next[t.shard], nil
}

package scheduler

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// batch is what one poll brought: inputs for the core, and how far each topic
// is read with them.
type batch struct {
	inputs                 []shard.Input
	jobs, commands, events int64
	err                    error
}

// feed follows the shard's partition of jobs, commands and events. While the
// loop commits, the client goes on fetching.
func (t *tenure) feed(ctx context.Context, into chan<- batch) {
	names := t.o.Names
	at := func(offset int64) map[int32]kgo.Offset {
		return map[int32]kgo.Offset{t.shard: kgo.NewOffset().At(offset)}
	}
	t.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{
		names.Jobs():     at(t.read.Jobs),
		names.Commands(): at(t.read.Commands),
		names.Events():   at(t.read.Events),
	})
	commands, jobs := make(chan batch, maxOrders), make(chan int64, 1)
	go t.orders(ctx, t.read.Jobs, commands, jobs, into)
	for ctx.Err() == nil {
		b, asked := t.convert(t.cl.PollFetches(ctx))
		if !give(ctx, into, b) || asked.commands > 0 && !give(ctx, commands, asked) {
			return
		}
		if b.jobs > 0 {
			select {
			case <-jobs: // only the latest counts
			default:
			}
			jobs <- b.jobs
		}
	}
}

// give sends unless ctx ends before.
func give[T any](ctx context.Context, into chan<- T, what T) bool {
	select {
	case into <- what:
		return true
	case <-ctx.Done():
		return false
	}
}

// convert decodes what one poll brought: b at once, the commands in asked
// after the definitions that they may concern.
func (t *tenure) convert(fetches kgo.Fetches) (b, asked batch) {
	fetches.EachError(func(name string, p int32, err error) {
		if b.err == nil {
			b.err = fmt.Errorf("following %s/%d: %w", name, p, err)
		}
	})
	if b.err != nil {
		return b, asked
	}
	fetches.EachRecord(func(r *kgo.Record) {
		next := r.Offset + 1
		control := r.Attrs.IsControl()
		switch r.Topic {
		case t.o.Names.Jobs():
			b.jobs = next
			if !control {
				b.inputs = append(b.inputs, t.jobInput(r))
			}
		case t.o.Names.Commands():
			asked.commands = next
			if !control {
				asked.inputs = append(asked.inputs, t.commandInput(r))
			}
		case t.o.Names.Events():
			b.events = next
			if !control {
				b.inputs = t.appendEvent(b.inputs, r)
			}
		}
	})
	return b, asked
}

func (t *tenure) jobInput(r *kgo.Record) shard.Input {
	replayed := r.Offset < t.replayed || t.refused.known(string(r.Key), r.Offset)
	if len(r.Value) == 0 {
		return shard.JobChanged{Name: string(r.Key), Replayed: replayed}
	}
	j, err := t.codec.DecodeJob(r.Value)
	if err == nil {
		err = topic.CheckJobPlace(placeOf(r), r.Key, j.Job.Name, t.o.Shards)
	}
	if err != nil {
		u := t.unreadable(r, err)
		u.Job, u.Replayed = string(r.Key), replayed
		return u
	}
	return shard.JobChanged{Name: j.Job.Name, Job: &j.Job, AppliedAt: j.AppliedAt, Replayed: replayed}
}

func (t *tenure) commandInput(r *kgo.Record) shard.Input {
	req, err := topic.DecodeRequest(r.Value)
	if err == nil {
		err = topic.CheckJobPlace(placeOf(r), r.Key, req.Job, t.o.Shards)
	}
	if err != nil {
		return t.unreadable(r, err)
	}
	return shard.Requested{Request: req}
}

// appendEvent leaves out what the shards wrote themselves.
func (t *tenure) appendEvent(inputs []shard.Input, r *kgo.Record) []shard.Input {
	ev, err := t.event(r)
	if err != nil {
		return append(inputs, t.unreadable(r, err))
	}
	if !ev.Type.FromWorker() {
		return inputs
	}
	return append(inputs, shard.Reported{Event: ev, Offset: r.Offset})
}

// event reads an event of the shard.
func (t *tenure) event(r *kgo.Record) (run.Event, error) {
	ev, err := t.codec.DecodeEvent(r.Value)
	if err == nil {
		err = topic.CheckJobPlace(placeOf(r), r.Key, ev.Job, t.o.Shards)
	}
	return ev, err
}

func (t *tenure) unreadable(r *kgo.Record, why error) shard.Unreadable {
	t.metrics.unreadable.WithLabelValues(strings.TrimPrefix(r.Topic, t.o.Names.Prefix)).Inc()
	t.o.Log.Warn("unreadable record", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", why)
	return shard.Unreadable{Letter: deadLetter(r, why, t.o.Name)}
}

func deadLetter(r *kgo.Record, why error, by string) run.DeadLetter {
	return topic.Unreadable(time.Now().UTC(), by, why, placeOf(r), r.Key, r.Value)
}

// deadKey names the place of an unreadable record.
func deadKey(r *kgo.Record) []byte { return []byte(placeOf(r).String()) }

func placeOf(r *kgo.Record) topic.Place {
	return topic.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
}

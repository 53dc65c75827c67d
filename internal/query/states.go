package query

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// States are what the schedulers remember of jobs, by name. Unlisted counts the
// jobs set aside for which a shard's record has no room: their states say
// nothing of it.
type States struct {
	Jobs     map[string]shard.JobState
	Unlisted int
}

// States returns what the schedulers remember of a job, or of all (""): the
// states they wrote, and what the log says beyond them.
func (t *Topics) States(ctx context.Context, jobName string) (States, error) {
	shards, from := map[int32]*shard.Shard{}, map[int32]int64{}
	aside, unlisted := map[int32][]topic.Aside{}, map[int32]int{}
	wanted := func(name string) bool { return jobName == "" || name == jobName }
	err := t.readAll(ctx, t.Names.State(), t.shardOf(jobName), func(r *kgo.Record) error {
		core := shards[r.Partition]
		if core == nil {
			core = shard.New(shard.Config{Shard: r.Partition}, nil)
			shards[r.Partition] = core
		}
		switch key := string(r.Key); {
		case key == topic.ShardKey:
			if rec, err := topic.DecodeShard(r.Value); err == nil {
				from[r.Partition], aside[r.Partition] = rec.Replay, rec.Aside
				unlisted[r.Partition] = rec.AsideMore
			}
		case topic.IsJobKey(key) && wanted(key):
			restore(core, key, r.Value)
		}
		return nil
	})
	if err != nil {
		return States{}, fmt.Errorf("reading the schedulers' state: %w", err)
	}
	if err := t.replay(ctx, shards, from, wanted); err != nil {
		return States{}, err
	}
	states := States{Jobs: map[string]shard.JobState{}}
	for _, core := range shards {
		core.States(func(st shard.JobState) { states.Jobs[st.Job] = st })
	}
	for p, listed := range aside {
		states.Unlisted += unlisted[p]
		for _, a := range listed {
			if wanted(a.Job) {
				st := states.Jobs[a.Job]
				st.Job, st.Aside = a.Job, a.Reason
				states.Jobs[a.Job] = st
			}
		}
	}
	return states, nil
}

// restore puts the state of a job in the place of the one before.
func restore(core *shard.Shard, jobName string, value []byte) {
	core.Discard(jobName)
	if len(value) == 0 {
		return
	}
	if st, err := topic.DecodeState(value); err == nil {
		core.Restore(st)
	} else {
		core.Step([]shard.Input{shard.SetAside{Job: jobName, Reason: run.ReasonUnreadableState}}, time.Now())
	}
}

// replay brings the states of shards up to date with what the log says beyond
// them, reports included that no scheduler has acted on yet.
func (t *Topics) replay(ctx context.Context, shards map[int32]*shard.Shard, from map[int32]int64, wanted func(string) bool) error {
	if len(from) == 0 {
		return nil // no scheduler has ever lived
	}
	_, err := kafka.ReadFrom(ctx, t.Kafka, t.Names.Events(), from, kafka.ReadResolved, func(r *kgo.Record) error {
		if ev, err := topic.DecodeEvent(r.Value); err == nil && wanted(ev.Job) {
			shards[r.Partition].Replay(run.Logged{Event: ev, Offset: r.Offset})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the schedulers' state: %w", err)
	}
	for p, core := range shards {
		core.EndReplay(math.MaxInt64, from[p])
	}
	return nil
}

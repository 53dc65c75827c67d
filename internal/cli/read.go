package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// store returns the jobs topic.
func (k *cluster) store() app.Store {
	return app.Store{Kafka: k.o, Client: k.cl, Names: k.names, Shards: k.shards}
}

// shardOf returns the partitions that hold what there is to know about a
// job, or all of them (nil) when none is named.
func (k *cluster) shardOf(jobName string) []int32 {
	if jobName == "" {
		return nil
	}
	return []int32{topic.Partition(jobName, k.shards)}
}

// readAll reads partitions of a topic from start to end, with progress.
func (k *cluster) readAll(ctx context.Context, name string, partitions []int32, each func(*kgo.Record) error) error {
	k.s.progress.say("reading " + name)
	return kafka.ReadAll(ctx, k.o, name, partitions, kafka.ReadCommitted, func(r *kgo.Record) error {
		k.s.progress.count()
		return each(r)
	})
}

// job returns the job in force under that name.
func (k *cluster) job(ctx context.Context, name string) (topic.Job, error) {
	var found *topic.Job
	err := k.readAll(ctx, k.names.Jobs(), k.shardOf(name), func(r *kgo.Record) error {
		if string(r.Key) != name {
			return nil
		}
		found = nil
		if j, err := topic.DecodeJob(r.Value); r.Value != nil && err == nil {
			found = &j
		}
		return nil
	})
	if err != nil {
		return topic.Job{}, fmt.Errorf("looking for job %s: %w", name, err)
	}
	if found == nil {
		return topic.Job{}, notFound("there is no job %q; \"belfry jobs\" lists those in force", name)
	}
	return *found, nil
}

// states returns what the schedulers remember of jobs: of one, or of all.
func (k *cluster) states(ctx context.Context, jobName string) (map[string]shard.JobState, error) {
	shards, from := map[int32]*shard.Shard{}, map[int32]int64{}
	aside, unlisted := map[int32][]topic.Aside{}, map[int32]int{}
	wanted := func(name string) bool { return jobName == "" || name == jobName }
	err := k.readAll(ctx, k.names.State(), k.shardOf(jobName), func(r *kgo.Record) error {
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
			core.Discard(key)
			if len(r.Value) == 0 {
				break
			}
			if st, err := topic.DecodeState(r.Value); err == nil {
				core.Restore(st)
			} else {
				core.Step([]shard.Input{shard.SetAside{Job: key, Reason: run.ReasonUnreadableState}}, time.Now())
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the schedulers' state: %w", err)
	}
	if err := k.replay(ctx, shards, from, wanted); err != nil {
		return nil, err
	}
	states := map[string]shard.JobState{}
	for _, core := range shards {
		core.States(func(st shard.JobState) { states[st.Job] = st })
	}
	for p, listed := range aside {
		if unlisted[p] > 0 {
			k.s.note("shard %d has set aside %d more jobs than it lists", p, unlisted[p])
		}
		for _, a := range listed {
			if wanted(a.Job) {
				st := states[a.Job]
				st.Job, st.Aside = a.Job, a.Reason
				states[a.Job] = st
			}
		}
	}
	return states, nil
}

// replay brings the states of shards up to date with what the log says beyond
// them, reports included that no scheduler has acted on yet.
func (k *cluster) replay(ctx context.Context, shards map[int32]*shard.Shard, from map[int32]int64, wanted func(string) bool) error {
	if len(from) == 0 {
		return nil // no scheduler has ever lived
	}
	_, err := kafka.ReadFrom(ctx, k.o, k.names.Events(), from, kafka.ReadResolved, func(r *kgo.Record) error {
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

// ledger folds the events of one job, or of all, that were written at since
// or later. It also returns where the events go on.
func (k *cluster) ledger(ctx context.Context, jobName string, since time.Time) (*ledger.Ledger, error) {
	name := k.names.Events()
	from, err := k.offsetsAt(ctx, name, k.shardOf(jobName), since)
	if err != nil {
		return nil, err
	}
	l := ledger.New(ledger.Options{PerJob: maxRunsPerJob})
	k.s.progress.say("reading " + name)
	_, err = kafka.ReadFrom(ctx, k.o, name, from, kafka.ReadCommitted, func(r *kgo.Record) error {
		k.s.progress.count()
		if e, err := topic.DecodeEvent(r.Value); err == nil && (jobName == "" || e.Job == jobName) {
			l.Fold(e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	return l, nil
}

// maxRunsPerJob bounds what is held while events are folded.
const maxRunsPerJob = 10_000

// offsetsAt returns, for each of the partitions (nil: all), the offset of the
// first record written at since or later.
func (k *cluster) offsetsAt(ctx context.Context, name string, partitions []int32, since time.Time) (map[int32]int64, error) {
	listed, err := kadm.NewClient(k.cl).ListOffsetsAfterMilli(ctx, since.UnixMilli(), name)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the records since %s: %w", when(since), err)
	}
	from := map[int32]int64{}
	for p, o := range listed[name] {
		if partitions == nil || slices.Contains(partitions, p) {
			from[p] = o.Offset
		}
	}
	return from, nil
}

// found is a run that somebody named.
type found struct {
	id      run.ID
	job     string
	due     time.Time
	cluster string
}

// findRun returns the run whose ID begins with prefix. Schedulers' state
// answers for unfinished and recent ones; only for older ones the events of
// all jobs are read.
func (k *cluster) findRun(ctx context.Context, prefix string) (found, error) {
	prefix = strings.ToLower(prefix)
	states, err := k.states(ctx, "")
	if err != nil {
		return found{}, err
	}
	matches := map[run.ID]found{}
	for name, st := range states {
		note := func(id run.ID, due time.Time, cluster string) {
			if strings.HasPrefix(string(id), prefix) {
				matches[id] = found{id, name, due, cluster}
			}
		}
		for _, a := range st.Active {
			note(a.ID, a.Due, a.Cluster)
		}
		for _, d := range st.Deferred {
			note(d.ID, d.Due, "")
		}
		for _, r := range st.Recent {
			note(r.ID, r.Due, "")
		}
	}
	if len(matches) == 0 {
		l, err := k.ledger(ctx, "", time.Unix(0, 0))
		if err != nil {
			return found{}, err
		}
		for _, r := range l.Find(prefix) {
			matches[r.ID] = found{r.ID, r.Job, r.Due, r.Cluster}
		}
	}
	return only(prefix, matches)
}

// only returns the one match.
func only(prefix string, matches map[run.ID]found) (found, error) {
	if len(matches) == 0 {
		return found{}, notFound("there is no run %q; \"belfry runs\" lists them", prefix)
	}
	if len(matches) > 1 {
		var lines []string
		for _, id := range slices.Sorted(maps.Keys(matches)) {
			lines = append(lines, fmt.Sprintf("  %s  %s, due %s", oneLine(string(id)), oneLine(matches[id].job), when(matches[id].due)))
		}
		return found{}, notFound("%d runs begin with %q; name one of them with more letters:\n%s",
			len(matches), prefix, strings.Join(lines[:min(len(lines), 10)], "\n"))
	}
	for _, m := range matches {
		return m, nil
	}
	return found{}, errors.New("no match") // not reached: there is one
}

// clusters returns the clusters that have topics.
func (k *cluster) clusters(ctx context.Context) ([]string, error) {
	details, err := kadm.NewClient(k.cl).ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	var names []string
	for name := range details {
		if c, ok := k.names.Cluster(name); ok {
			names = append(names, c)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

// send writes a request to the job's shard and returns once it is
// acknowledged: a scheduler will act on it.
func (k *cluster) send(ctx context.Context, r run.Request) error {
	value, err := topic.EncodeRequest(r)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	record := &kgo.Record{
		Topic: k.names.Commands(), Key: []byte(r.Job), Value: value, Partition: topic.Partition(r.Job, k.shards),
	}
	if err := k.cl.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("sending the request: %w", err)
	}
	return nil
}

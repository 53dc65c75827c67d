package site

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Reader calls each with all committed records of a topic, those of a
// partition in their order.
type Reader func(name string, each func(*kgo.Record) error) error

// Read returns the Reader of what is in Kafka now.
func Read(ctx context.Context, o kafka.Options) Reader {
	return func(name string, each func(*kgo.Record) error) error {
		return kafka.ReadAll(ctx, o, name, nil, kafka.ReadCommitted, each)
	}
}

// Collect reads from the topics what the judge is to see: definitions,
// requests, events, runs and dead letters. Nobody may write meanwhile. When
// a definition or request was acted on is read off the shards' own records of
// how far they had come, all of them, and one that no owner has come to counts
// as acted on at the moment of collection.
func Collect(read Reader, names topic.Names, clusters []string) (check.Evidence, error) {
	c := collector{read: read}
	c.progress(names)
	e := check.Evidence{Collected: time.Now().UTC().Round(0)}
	c.jobs(names, &e)
	c.requests(names, &e)
	logs := map[int32][]run.Logged{}
	c.each(names.Events(), func(r *kgo.Record) error {
		ev, err := topic.DecodeEvent(r.Value)
		logs[r.Partition] = append(logs[r.Partition], run.Logged{Event: ev, Offset: r.Offset})
		return err
	})
	for _, p := range slices.Sorted(maps.Keys(logs)) {
		e.Events = append(e.Events, run.Taken(logs[p])...)
	}
	for _, cluster := range clusters {
		for _, queue := range []string{names.Runs(cluster), names.Retries(cluster)} {
			c.each(queue, func(r *kgo.Record) error {
				decoded, err := topic.DecodeRun(r.Value, cluster)
				decoded.Command, decoded.Env = nil, nil // of no interest here, and large
				e.Runs = append(e.Runs, decoded)
				return err
			})
		}
		c.each(names.DeadOf(cluster), func(r *kgo.Record) error {
			d, err := topic.DecodeDeadLetter(r.Value)
			e.Dead = append(e.Dead, d)
			return err
		})
	}
	return e, c.err
}

// collector reads topic after topic until one cannot be read.
type collector struct {
	read Reader
	err  error
	// come is how far the owner of each shard had come, and when.
	come map[int32][]station
}

type station struct {
	at             time.Time
	jobs, commands int64
}

func (c *collector) each(name string, each func(*kgo.Record) error) {
	if c.err != nil {
		return
	}
	if err := c.read(name, each); err != nil {
		c.err = fmt.Errorf("collecting the evidence of %s: %w", name, err)
	}
}

func (c *collector) progress(names topic.Names) {
	c.come = map[int32][]station{}
	c.each(names.State(), func(r *kgo.Record) error {
		if string(r.Key) != topic.ShardKey {
			return nil
		}
		rec, err := topic.DecodeShard(r.Value)
		c.come[r.Partition] = append(c.come[r.Partition], station{at: r.Timestamp, jobs: rec.Jobs, commands: rec.Commands})
		return err
	})
}

// acted is when the shard had come beyond an offset.
func (c *collector) acted(shard int32, e *check.Evidence, beyond func(station) bool) time.Time {
	i := slices.IndexFunc(c.come[shard], beyond)
	if i < 0 {
		return e.Collected
	}
	return c.come[shard][i].at
}

func (c *collector) jobs(names topic.Names, e *check.Evidence) {
	c.each(names.Jobs(), func(r *kgo.Record) error {
		d := check.Definition{Name: string(r.Key), At: r.Timestamp}
		d.Acted = c.acted(r.Partition, e, func(s station) bool { return s.jobs > r.Offset })
		if len(r.Value) > 0 {
			decoded, err := topic.DecodeJob(r.Value)
			if err != nil {
				return err
			}
			d.Job = new(job.Job)
			*d.Job = decoded.Job
		}
		e.Jobs = append(e.Jobs, d)
		return nil
	})
}

func (c *collector) requests(names topic.Names, e *check.Evidence) {
	c.each(names.Commands(), func(r *kgo.Record) error {
		decoded, err := topic.DecodeRequest(r.Value)
		e.Requests = append(e.Requests, check.Request{
			Request: decoded,
			Acted:   c.acted(r.Partition, e, func(s station) bool { return s.commands > r.Offset }),
		})
		return err
	})
}

package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Topics are the topics of a Belfry, to be asked. They may be asked from
// several goroutines at a time if OnTopic and OnRecord allow it.
type Topics struct {
	// Kafka is how the clients that read connect: each read has its own.
	Kafka kafka.Options
	// Client carries all else.
	Client *kgo.Client
	Names  topic.Names
	Shards int32 // how many there are

	// OnTopic is called when the reading of a topic begins, OnRecord for each
	// record of it. They may be nil. The reading of Jobs, of events behind the
	// states and of what is followed is not told.
	OnTopic  func(name string)
	OnRecord func()
}

func (t *Topics) begins(name string) {
	if t.OnTopic != nil {
		t.OnTopic(name)
	}
}

func (t *Topics) counts() {
	if t.OnRecord != nil {
		t.OnRecord()
	}
}

// shardOf returns the partitions that hold what there is to know about a
// job, or all of them (nil) when none is named.
func (t *Topics) shardOf(jobName string) []int32 {
	if jobName == "" {
		return nil
	}
	return []int32{topic.Partition(jobName, t.Shards)}
}

// readAll reads partitions of a topic from start to end.
func (t *Topics) readAll(ctx context.Context, name string, partitions []int32, each func(*kgo.Record) error) error {
	t.begins(name)
	return kafka.ReadAll(ctx, t.Kafka, name, partitions, kafka.ReadCommitted, func(r *kgo.Record) error {
		t.counts()
		return each(r)
	})
}

// EventsFrom returns, for the partition of a job's events, the offset of the
// first record written at since or later: Follow goes on there.
func (t *Topics) EventsFrom(ctx context.Context, jobName string, since time.Time) (map[int32]int64, error) {
	return t.offsetsAt(ctx, t.Names.Events(), t.shardOf(jobName), since)
}

// LedgerReaches reports whether the log of a job's events goes back to that
// instant: Kafka has deleted nothing of it, or only what is older.
func (t *Topics) LedgerReaches(ctx context.Context, jobName string, at time.Time) (bool, error) {
	starts, err := kadm.NewClient(t.Client).ListStartOffsets(ctx, t.Names.Events())
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return false, fmt.Errorf("looking for the begin of the ledger: %w", err)
	}
	from, err := t.EventsFrom(ctx, jobName, at)
	if err != nil {
		return false, err
	}
	for p, offset := range from {
		if start, _ := starts.Lookup(t.Names.Events(), p); start.Offset > 0 && offset <= start.Offset {
			return false, nil
		}
	}
	return true, nil
}

// offsetsAt returns, for each of the partitions (nil: all), the offset of the
// first record written at since or later.
func (t *Topics) offsetsAt(ctx context.Context, name string, partitions []int32, since time.Time) (map[int32]int64, error) {
	listed, err := kadm.NewClient(t.Client).ListOffsetsAfterMilli(ctx, max(since.UnixMilli(), 0), name)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the records since %s: %w", since.Local().Format(time.DateTime), err)
	}
	from := map[int32]int64{}
	for p, o := range listed[name] {
		if partitions == nil || slices.Contains(partitions, p) {
			from[p] = o.Offset
		}
	}
	return from, nil
}

// clusters returns the clusters that have topics.
func (t *Topics) clusters(ctx context.Context) ([]string, error) {
	details, err := kadm.NewClient(t.Client).ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	var names []string
	for name := range details {
		if c, ok := t.Names.Cluster(name); ok {
			names = append(names, c)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

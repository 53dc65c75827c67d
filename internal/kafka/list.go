package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// exactLag is the largest distance, in offsets, that is counted by reading.
const exactLag = 5000

// Topic is one of Belfry's topics as it stands in Kafka.
type Topic struct {
	Name        string
	Cluster     string // of a cluster's topic, else empty
	Partitions  int32
	Replication int16
	// Offsets is how many offsets the topic spans, transaction markers and
	// compacted records included.
	Offsets int64
	// Group is the workers' consumer group of a queue, else empty; Waiting is
	// how many runs it has yet to claim, exact up to a few thousand, above
	// that with transaction markers counted.
	Group   string
	Waiting int64
}

// ListTopics returns all topics under the prefix, sorted by name.
func (a *Admin) ListTopics(ctx context.Context) ([]Topic, error) {
	details, err := a.adm.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	var names []string
	for name := range details {
		if strings.HasPrefix(name, a.names.Prefix) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	starts, err := a.adm.ListStartOffsets(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("listing start offsets: %w", err)
	}
	ends, err := a.adm.ListEndOffsets(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("listing end offsets: %w", err)
	}
	topics := make([]Topic, 0, len(names))
	for _, name := range names {
		d := details[name]
		t := Topic{Name: name, Partitions: int32(len(d.Partitions)), Replication: int16(d.Partitions.NumReplicas())}
		t.Cluster, _ = a.names.Cluster(name)
		for p := range d.Partitions {
			t.Offsets += ends[name][p].Offset - starts[name][p].Offset
		}
		if t.Group = a.groupOf(name, t.Cluster); t.Group != "" {
			if t.Waiting, err = a.waiting(ctx, t.Group, name, starts[name], ends[name]); err != nil {
				return nil, err
			}
		}
		topics = append(topics, t)
	}
	return topics, nil
}

// groupOf returns the group that reads a queue, and "" for other topics.
func (a *Admin) groupOf(name, cluster string) string {
	if cluster == "" {
		return ""
	}
	switch name {
	case a.names.Runs(cluster):
		return a.names.Group(cluster, "runs")
	case a.names.Retries(cluster):
		return a.names.Group(cluster, "retries")
	}
	return ""
}

// waiting counts the records the group has not claimed. The offsets between
// its commits and the end are no good answer for a small number: each
// transaction's marker takes one, so an idle queue would never show zero.
func (a *Admin) waiting(ctx context.Context, group, name string, starts, ends map[int32]kadm.ListedOffset) (int64, error) {
	commits, err := a.commits(ctx, group, name)
	if err != nil {
		return 0, err
	}
	from := make(map[int32]int64, len(ends))
	var distance int64
	for p, end := range ends {
		at := starts[p].Offset
		if commit, ok := commits.Lookup(name, p); ok && commit.Err == nil && commit.At > at {
			at = commit.At
		}
		from[p] = at
		distance += end.Offset - at
	}
	if distance > exactLag {
		return distance, nil
	}
	var n int64
	_, err = read(ctx, a.cl, reading{topic: name, from: from, isolation: ReadCommitted},
		func(*kgo.Record) error { n++; return nil })
	return n, err
}

// commits returns what the group has committed of a topic; nothing for a
// group that never was. On a new cluster the first such question makes Kafka
// create its offsets topic, which takes seconds.
func (a *Admin) commits(ctx context.Context, group, name string) (kadm.OffsetResponses, error) {
	ctx, cancel := context.WithTimeout(ctx, createLimit)
	defer cancel()
	for {
		commits, err := a.adm.FetchOffsetsForTopics(ctx, group, name)
		switch {
		case err == nil, errors.Is(err, kerr.GroupIDNotFound):
			return commits, nil
		case Classify(err) != ClassUnreachable || pause(ctx, retryBackoff) != nil:
			return nil, fmt.Errorf("fetching the offsets of group %s: %w", group, err)
		}
	}
}

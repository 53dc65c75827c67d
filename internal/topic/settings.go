package topic

import (
	"slices"
	"strconv"
	"time"
)

// The partition counts topics are made with where nothing else is asked for.
// Shards and ControlPartitions are fixed once the topics exist; the queues may
// grow at any time. Installations of earlier releases have one partition of
// control.
const (
	DefaultShards          int32 = 8
	DefaultQueuePartitions int32 = 3
	ControlPartitions      int32 = 8
)

// Setting is how one topic is made: everything a CreateTopics request needs.
type Setting struct {
	Name        string
	Partitions  int32
	Replication int16
	Config      map[string]string
}

// Settings returns all topics of the given clusters, in a fixed order, for a
// Kafka of that many brokers: three replicas of which two must have a record
// where there are three brokers, else as many replicas as brokers.
func Settings(names Names, clusters []string, shards int32, brokers int) []Setting {
	c := configs{replicated: brokers >= 3}
	all := []Setting{
		{Name: names.Jobs(), Partitions: shards, Config: c.compacted(7 * day)},
		{Name: names.Commands(), Partitions: shards, Config: c.kept(7 * day)},
		{Name: names.Events(), Partitions: shards, Config: c.kept(30 * day)},
		{Name: names.State(), Partitions: shards, Config: c.changelog()},
		{Name: names.Members(), Partitions: 1, Config: c.recent()},
		{Name: names.Control(), Partitions: ControlPartitions, Config: c.recent()},
		{Name: names.Notices(), Partitions: shards, Config: c.kept(30 * day)},
		{Name: names.Dead(), Partitions: 1, Config: c.kept(30 * day)},
		{Name: names.Audit(), Partitions: 1, Config: c.kept(90 * day)},
		{Name: names.Access(), Partitions: 1, Config: c.compacted(7 * day)},
	}
	for _, cluster := range slices.Compact(slices.Sorted(slices.Values(clusters))) {
		all = append(all,
			Setting{Name: names.Runs(cluster), Partitions: DefaultQueuePartitions, Config: c.kept(7 * day)},
			Setting{Name: names.Retries(cluster), Partitions: DefaultQueuePartitions, Config: c.kept(7 * day)},
			Setting{Name: names.DeadOf(cluster), Partitions: 1, Config: c.kept(30 * day)},
			Setting{Name: names.Output(cluster), Partitions: DefaultQueuePartitions, Config: c.kept(7 * day)},
		)
	}
	for i := range all {
		all[i].Replication = int16(max(1, min(brokers, 3)))
	}
	return all
}

// Sharded returns the topics whose partition p belongs to shard p: their
// counts are equal and never change, since a key must keep its shard.
func (n Names) Sharded() []string {
	return []string{n.Jobs(), n.Commands(), n.Events(), n.State()}
}

// Group is the consumer group of the workers that take runs off one queue
// ("runs" or "retries") of a cluster.
func (n Names) Group(cluster, queue string) string { return n.Prefix + cluster + "." + queue }

const day = 24 * time.Hour

// configs builds topic configurations. Every topic names its own durability
// rather than trust the broker's defaults.
type configs struct{ replicated bool }

func (c configs) base(policy string) map[string]string {
	m := map[string]string{
		"cleanup.policy":                 policy,
		"message.timestamp.type":         "CreateTime",
		"unclean.leader.election.enable": "false",
		"min.insync.replicas":            "1",
	}
	if c.replicated {
		m["min.insync.replicas"] = "2"
	}
	return m
}

// kept is for topics read once and then kept for people to look at.
func (c configs) kept(d time.Duration) map[string]string {
	m := c.base("delete")
	m["retention.ms"] = ms(d)
	m["retention.bytes"] = "-1"
	return m
}

// compacted keeps the last record of each key, and tombstones for as long as
// a reader may be away.
func (c configs) compacted(tombstones time.Duration) map[string]string {
	m := c.base("compact")
	m["min.compaction.lag.ms"] = "0"
	m["delete.retention.ms"] = ms(tombstones)
	return m
}

// changelog is compacted eagerly: it is read from its start at every
// take-over, and one key is written at every commit.
func (c configs) changelog() map[string]string {
	m := c.compacted(2 * day)
	m["segment.ms"] = ms(time.Hour)
	m["segment.bytes"] = strconv.Itoa(64 << 20)
	m["min.cleanable.dirty.ratio"] = "0.1"
	m["max.compaction.lag.ms"] = ms(6 * time.Hour)
	return m
}

// recent keeps the last record of each key, and nothing beyond a day.
func (c configs) recent() map[string]string {
	m := c.base("compact,delete")
	m["retention.ms"] = ms(day)
	m["delete.retention.ms"] = ms(time.Hour)
	m["segment.ms"] = ms(time.Hour)
	m["segment.bytes"] = strconv.Itoa(16 << 20)
	m["min.cleanable.dirty.ratio"] = "0.1"
	m["max.compaction.lag.ms"] = ms(6 * time.Hour)
	return m
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

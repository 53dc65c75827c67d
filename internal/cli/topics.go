package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/belfry-cron/belfry/internal/kafka"
)

type topicsCmd struct {
	Create topicsCreateCmd `cmd:"" help:"Make the topics that are missing."`
	List   topicsListCmd   `cmd:"" default:"1" help:"List the topics, and how many runs wait in them."`
	Resize topicsResizeCmd `cmd:"" help:"Give a topic of a cluster more partitions, or members more lanes."`
}

type topicsCreateCmd struct {
	connection
	Clusters    []string `placeholder:"NAME" default:"cluster-a,cluster-b" env:"BELFRY_CLUSTERS" help:"Clusters to make topics for."`
	Shards      int32    `placeholder:"N" env:"BELFRY_SHARDS" help:"Number of shards; it never changes afterwards (default 8)."`
	Partitions  int32    `placeholder:"N" help:"Partitions of each queue; more can be added at any time (default 3)."`
	Replication int16    `placeholder:"N" help:"Copies of each record (default: 3 where there are 3 brokers)."`
}

func (topicsCreateCmd) Help() string {
	return "Topics that exist are left as they are.\n\n" +
		"Examples:\n\n    belfry topics create\n    belfry topics create --clusters cluster-a,cluster-b,cluster-c --partitions 6"
}

// Run makes topics.
func (c *topicsCreateCmd) Run(ctx context.Context, s *session) error {
	k, err := c.reach(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	if err := kafka.CheckFeatures(ctx, k.Client); err != nil {
		return err
	}
	made, err := k.admin.EnsureTopics(ctx, c.Clusters, c.Shards,
		kafka.EnsureOptions{QueuePartitions: c.Partitions, Replication: c.Replication})
	for _, name := range made {
		s.printf("+ %s\n", name)
	}
	if err == nil && len(made) == 0 {
		s.printf("all topics are there already\n")
	}
	return err
}

type topicsListCmd struct {
	reachable
	answer
}

func (topicsListCmd) Help() string {
	return "WAITING is how many runs of a queue no worker has claimed yet.\n\nExamples:\n\n    belfry topics list"
}

// topicAnswer is what topics list answers about one topic.
type topicAnswer struct {
	Name        string `json:"topic"`
	Cluster     string `json:"cluster,omitempty"`
	Partitions  int32  `json:"partitions"`
	Replication int16  `json:"replication"`
	Offsets     int64  `json:"offsets"`
	Group       string `json:"group,omitempty"`
	Waiting     *int64 `json:"waiting,omitempty"`
}

// Run lists topics.
func (c *topicsListCmd) Run(ctx context.Context, s *session) error {
	k, err := c.wayToAny(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	s.progress.say("asking for the topics")
	topics, err := k.listTopics(ctx)
	if err != nil {
		return err
	}
	answers := []topicAnswer{}
	table := newTable("TOPIC…", "PARTITIONS", "REPLICAS", "RECORDS", "WAITING")
	for _, t := range topics {
		a := topicAnswer{
			Name: t.Name, Cluster: t.Cluster, Partitions: t.Partitions,
			Replication: t.Replication, Offsets: t.Offsets, Group: t.Group,
		}
		waiting := "-"
		if t.Group != "" {
			a.Waiting = &t.Waiting
			waiting = fmt.Sprint(t.Waiting)
		}
		answers = append(answers, a)
		table.add(t.Name, fmt.Sprint(t.Partitions), fmt.Sprint(t.Replication), "≤ "+fmt.Sprint(t.Offsets), waiting)
	}
	if c.Output == "json" {
		return s.asJSON(answers)
	}
	return s.table(table, "no topics begin with "+c.Prefix+"; \"belfry topics create\" makes them")
}

type topicsResizeCmd struct {
	connection
	Topic      string `arg:"" help:"Topic, with or without the prefix, such as runs.cluster-a."`
	Partitions int32  `required:"" placeholder:"N" help:"How many partitions it shall have; more than it has."`
}

func (topicsResizeCmd) Help() string {
	return "Safe under traffic. The number of shards cannot change: a job must keep its shard.\n\n" +
		"With three lanes, which are the partitions of members, workers go on starting what they hold while one of three " +
		"brokers dies. Older installations have one: first upgrade all schedulers and workers, then resize, then restart " +
		"the schedulers, then the workers.\n\n" +
		"Examples:\n\n    belfry topics resize runs.cluster-a --partitions 6\n    belfry topics resize members --partitions 3"
}

// Validate is called by kong.
func (c *topicsResizeCmd) Validate() error {
	if c.Partitions < 1 {
		return errors.New("--partitions must be at least 1")
	}
	return nil
}

// Run resizes a topic.
func (c *topicsResizeCmd) Run(ctx context.Context, s *session) error {
	k, err := c.reach(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	if err := k.admin.Resize(ctx, c.Topic, c.Partitions); err != nil {
		return err
	}
	s.printf("%s has %d partitions now\n", c.Topic, c.Partitions)
	return nil
}

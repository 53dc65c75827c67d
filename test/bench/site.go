package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

// cluster is a Kafka to measure on: that of BELFRY_BROKERS, or one of three
// brokers that is started when first asked for.
type cluster struct {
	version string
	brokers string
	started *kafkatest.Cluster
	topics  int
}

func (c *cluster) options(ctx context.Context) (kafka.Options, error) {
	if c.brokers == "" {
		c.brokers = os.Getenv("BELFRY_BROKERS")
	}
	if c.brokers == "" {
		fmt.Fprintf(os.Stderr, "starting Kafka %s, three brokers\n", c.version)
		started, err := kafkatest.Start(ctx, kafkatest.Options{Version: c.version})
		if err != nil {
			return kafka.Options{}, err
		}
		c.started, c.brokers = started, strings.Join(started.Brokers(), ",")
	}
	return kafka.Options{Brokers: strings.Split(c.brokers, ",")}, nil
}

func (c *cluster) stop() error {
	if c.started == nil {
		return nil
	}
	c.started.Stop()
	return os.RemoveAll(c.started.Dir())
}

// site is one set of Belfry's topics on that Kafka.
type site struct {
	kafka   kafka.Options
	names   topic.Names
	brokers string
	plain   *kgo.Client
	// together gives everybody all cores again; nil if they have them.
	together func()
}

const siteTries = 5

// site makes fresh topics.
func (c *cluster) site(ctx context.Context) (*site, error) {
	options, err := c.options(ctx)
	if err != nil {
		return nil, err
	}
	c.topics++
	s := &site{
		kafka: options, brokers: c.brokers,
		names: topic.Names{Prefix: fmt.Sprintf("bench%d.%d.", time.Now().Unix(), c.topics)},
	}
	if s.plain, err = options.Client(kgo.ProducerLinger(5 * time.Millisecond)); err != nil {
		return nil, err
	}
	// Brokers that are busy with the last part may not answer in time.
	admin := kafka.NewAdmin(s.plain, s.names)
	for try := 1; ; try++ {
		_, err = admin.EnsureTopics(ctx, []string{"cluster-a"}, shards, kafka.EnsureOptions{})
		if err == nil || try == siteTries || ctx.Err() != nil {
			return s, err
		}
	}
}

func (s *site) close() {
	s.plain.Close()
	if s.together != nil {
		s.together()
	}
}

// apply writes n definitions, the i-th made by define.
func (s *site) apply(ctx context.Context, n int, define func(int) job.Job) error {
	var failed error
	for i := range n {
		j := define(i)
		value, err := topic.EncodeJob(topic.Job{AppliedAt: time.Now().UTC(), AppliedBy: "bench", Job: j})
		if err != nil {
			return err
		}
		s.plain.Produce(ctx, &kgo.Record{
			Topic: s.names.Jobs(), Partition: topic.Partition(j.Name, shards), Key: []byte(j.Name), Value: value,
		}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err // callbacks come one at a time
			}
		})
	}
	if err := s.plain.Flush(ctx); err != nil {
		return err
	}
	return failed
}

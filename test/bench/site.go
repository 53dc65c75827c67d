package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/broker"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

// cluster is a Kafka to measure on: that of BELFRY_BROKERS, or one of three
// brokers that is started when first asked for, or the embedded broker in this
// process.
type cluster struct {
	version  string
	embedded bool
	brokers  string
	started  *kafkatest.Cluster
	broker   *broker.Broker
	dir      string // of the embedded broker
	topics   int
}

func (c *cluster) options(ctx context.Context) (kafka.Options, error) {
	if c.embedded {
		return c.embed(ctx)
	}
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

// embed starts the embedded broker, if it is not started.
func (c *cluster) embed(ctx context.Context) (kafka.Options, error) {
	if c.broker == nil {
		var err error
		if c.dir, err = os.MkdirTemp("", "belfry-bench-"); err != nil {
			return kafka.Options{}, err
		}
		if c.broker, err = broker.Start(ctx, broker.Options{Dir: c.dir}); err != nil {
			return kafka.Options{}, errors.Join(err, os.RemoveAll(c.dir))
		}
		c.brokers = strings.Join(c.broker.Addrs(), ",")
	}
	return embeddedOptions(c.broker.Addrs(), c.broker.SecretFile()), nil
}

// embeddedOptions reach an embedded broker as whoever may read its secret.
func embeddedOptions(addrs []string, secret string) kafka.Options {
	return kafka.Options{Brokers: addrs, SASL: kafka.SASL{
		Mechanism: broker.Mechanism, User: broker.User, PasswordFile: secret,
	}}
}

// String names the cluster in a table.
func (c *cluster) String() string {
	if c.embedded {
		return "embedded"
	}
	return "Kafka"
}

// stop ends what was started. What is asked for next is started anew.
func (c *cluster) stop() error {
	var err error
	if c.broker != nil {
		err = errors.Join(c.broker.Close(), os.RemoveAll(c.dir))
		c.broker, c.brokers = nil, ""
	}
	if c.started != nil {
		c.started.Stop()
		err = errors.Join(err, os.RemoveAll(c.started.Dir()))
		c.started, c.brokers = nil, ""
	}
	return err
}

// site is one set of Belfry's topics on that Kafka.
type site struct {
	kafka   kafka.Options
	names   topic.Names
	brokers string
	shards  int32
	plain   *kgo.Client
	// together gives everybody all cores again; nil if they have them.
	together func()
}

const siteTries = 5

// site makes fresh topics with the default number of shards.
func (c *cluster) site(ctx context.Context) (*site, error) { return c.siteOf(ctx, shards) }

// siteOf makes fresh topics with that many shards.
func (c *cluster) siteOf(ctx context.Context, shards int32) (*site, error) {
	options, err := c.options(ctx)
	if err != nil {
		return nil, err
	}
	c.topics++
	s := &site{
		kafka: options, brokers: c.brokers, shards: shards,
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
			Topic: s.names.Jobs(), Partition: topic.Partition(j.Name, s.shards), Key: []byte(j.Name), Value: value,
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

// plainRead reads partitions of topics from their start as fast as it goes,
// without looking at what is read, and tells how long that took.
func (s *site) plainRead(ctx context.Context, partitions []int32, topics ...string) (time.Duration, error) {
	began := time.Now()
	for _, name := range topics {
		err := kafka.ReadAll(ctx, s.kafka, name, partitions, kafka.ReadCommitted, func(*kgo.Record) error { return nil })
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/topic"
)

// partitionsEvery is how often a resize of the output and dead topics is
// looked for.
const partitionsEvery = time.Minute

// partitions knows how many partitions the topics have that we write to by
// key.
type partitions struct {
	output, dead, control, members     string
	outputN, deadN, controlN, membersN atomic.Int32
}

// ofOutput returns where the output of a run goes.
func (p *partitions) ofOutput(runID string) (string, int32) {
	return p.output, topic.Partition(runID, p.outputN.Load())
}

// ofDead returns where the dead letter with a key goes.
func (p *partitions) ofDead(key string) (string, int32) {
	return p.dead, topic.Partition(key, p.deadN.Load())
}

// ofControl returns the partition of control for a cluster's workers. Their
// number never changes.
func (p *partitions) ofControl(cluster string) int32 {
	return topic.ControlPartition(cluster, p.controlN.Load())
}

// learn asks Kafka.
func (p *partitions) learn(ctx context.Context, cl *kgo.Client) error {
	details, err := kadm.NewClient(cl).ListTopics(ctx, p.output, p.dead, p.control, p.members)
	if err != nil {
		return fmt.Errorf("listing topics: %w", err)
	}
	return errors.Join(
		count(details, p.output, &p.outputN),
		count(details, p.dead, &p.deadN),
		count(details, p.control, &p.controlN),
		count(details, p.members, &p.membersN))
}

func count(details kadm.TopicDetails, name string, n *atomic.Int32) error {
	d := details[name]
	if d.Err != nil {
		return fmt.Errorf("topic %s: %w", name, d.Err)
	}
	if len(d.Partitions) == 0 {
		return fmt.Errorf("topic %s has no partitions", name)
	}
	n.Store(int32(len(d.Partitions)))
	return nil
}

// follow asks again from time to time, until ctx ends. While Kafka does not
// answer, what was known stands.
func (p *partitions) follow(ctx context.Context, cl *kgo.Client) {
	tick := time.NewTicker(partitionsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			bounded, cancel := context.WithTimeout(ctx, partitionsEvery)
			_ = p.learn(bounded, cl)
			cancel()
		}
	}
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/claim"
)

const (
	// lookBack is how far back a queue is read of which the group has no
	// memory: what is older and was never claimed, its shard has moved.
	lookBack = time.Hour
	// recallWait bounds the look at what the group remembers.
	recallWait = 5 * time.Second
)

// withoutMemory returns where to begin in partitions without a committed
// offset, or with one that is out of range.
func withoutMemory() []kgo.Opt {
	after := kgo.NewOffset().AfterMilli(time.Now().Add(-lookBack).UnixMilli())
	return []kgo.Opt{kgo.ConsumeStartOffset(after), kgo.ConsumeResetOffset(after)}
}

func (c *claimer) group() string { return c.w.o.Names.Group(c.w.o.Cluster, string(c.queue)) }

// recall learns what the group remembers of the queue, before it is joined: of
// what may have been claimed already, shards are asked whether it still counts.
func (c *claimer) recall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recallWait)
	defer cancel()
	admin := kadm.NewClient(c.w.reports)
	starts, err := admin.ListStartOffsets(ctx, c.topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("asking where %s starts: %w", c.topic, err)
	}
	ends, err := admin.ListEndOffsets(ctx, c.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("asking where %s ends: %w", c.topic, err)
	}
	committed, err := admin.FetchOffsets(ctx, c.group())
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("asking what group %s has committed: %w", c.group(), err)
	}
	c.memory = claim.Memory{}
	var lost []int32
	doubted := int64(0)
	for p, end := range ends[c.topic] {
		at, start := claim.None, starts[c.topic][p].Offset
		if o, ok := committed.Lookup(c.topic, p); ok {
			at = o.At
		}
		if c.memory.Recall(p, at, start, end.Offset) {
			lost = append(lost, p)
			doubted += end.Offset - start
		}
	}
	if len(lost) > 0 {
		c.w.o.Log.Warn("the group does not know what was claimed: of the runs of the last hour, shards are asked whether they still count; older ones are left to them",
			"group", c.group(), "partitions", lost, "offsets", doubted)
	}
	return nil
}

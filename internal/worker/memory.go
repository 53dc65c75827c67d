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

// beginnings are where to begin in the partitions of a queue of which the group
// has no memory, and the committed offsets that mean nothing.
type beginnings struct {
	topic string
	at    map[int32]int64
	wrong map[int32]int64
}

// options have a session begin there.
func (b beginnings) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(time.Now().Add(-lookBack).UnixMilli())),
		kgo.AdjustFetchOffsetsFn(func(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
			for p, o := range offsets[b.topic] {
				// A partition that was made after we asked is read from its start.
				at, known := b.at[p]
				committed := o.EpochOffset().Offset
				wrong, isWrong := b.wrong[p]
				if known && (committed < 0 || isWrong && committed == wrong) {
					offsets[b.topic][p] = kgo.NewOffset().At(at)
				}
			}
			return offsets, nil
		}),
	}
}

func (c *claimer) group() string { return c.w.o.Names.Group(c.w.o.Cluster, string(c.queue)) }

// recall learns what the group remembers of the queue, before it is joined: of
// what may have been claimed already, shards are asked whether it still counts.
// What is written from now on is read in any case: it may be the first there is.
func (c *claimer) recall(ctx context.Context) (beginnings, error) {
	begin := beginnings{topic: c.topic, at: map[int32]int64{}, wrong: map[int32]int64{}}
	ctx, cancel := context.WithTimeout(ctx, recallWait)
	defer cancel()
	// What is committed comes first: others go on, and never beyond the end.
	admin := kadm.NewClient(c.w.reports)
	committed, err := admin.FetchOffsets(ctx, c.group())
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return begin, fmt.Errorf("asking what group %s has committed: %w", c.group(), err)
	}
	starts, err := listed(admin.ListStartOffsets(ctx, c.topic))
	if err != nil {
		return begin, fmt.Errorf("asking where %s starts: %w", c.topic, err)
	}
	ends, err := listed(admin.ListEndOffsets(ctx, c.topic))
	if err != nil {
		return begin, fmt.Errorf("asking where %s ends: %w", c.topic, err)
	}
	recent, err := listed(admin.ListOffsetsAfterMilli(ctx, time.Now().Add(-lookBack).UnixMilli(), c.topic))
	if err != nil {
		return begin, fmt.Errorf("asking where the last hour of %s begins: %w", c.topic, err)
	}
	c.memory = claim.Memory{}
	var lost []int32
	skipped, doubted := int64(0), int64(0)
	for p, end := range ends[c.topic] {
		at, start := claim.None, starts[c.topic][p].Offset
		if o, ok := committed.Lookup(c.topic, p); ok && o.At >= 0 {
			at = o.At
		}
		begin.at[p] = min(recent[c.topic][p].Offset, end.Offset)
		if at != claim.None && (at < start || at > end.Offset) {
			begin.wrong[p] = at
		}
		if c.memory.Recall(p, at, start, end.Offset) {
			lost = append(lost, p)
			skipped, doubted = skipped+begin.at[p]-start, doubted+end.Offset-begin.at[p]
		}
	}
	if len(lost) > 0 {
		c.w.o.Log.Warn("the group does not know what was claimed: shards are asked whether the runs of the last hour still count, older ones are left to them",
			"group", c.group(), "partitions", lost, "asked_offsets", doubted, "left_offsets", skipped)
	}
	return begin, nil
}

// listed returns offsets, and an error if one of them is not known.
func listed(offsets kadm.ListedOffsets, err error) (kadm.ListedOffsets, error) {
	if err == nil {
		err = offsets.Error()
	}
	return offsets, err
}

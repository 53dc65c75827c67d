package broker

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// retain deletes expired records at once and then hourly.
func (b *Broker) retain(ctx context.Context) {
	ticker := time.NewTicker(retentionEvery)
	defer ticker.Stop()
	for {
		if err := b.expire(ctx, time.Now()); err != nil && ctx.Err() == nil {
			b.o.Log.Warn("deleting expired records", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// expire deletes the records of every topic that are older at now than its
// retention.ms. The last batch of a partition stays whatever its age.
func (b *Broker) expire(ctx context.Context, now time.Time) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.RequestRetries(2),
		kgo.SASL(scram.Auth{User: User, Pass: b.secret}.AsSha256Mechanism()))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	topics, err := readTopics(b.data())
	if err != nil {
		return err
	}
	for _, t := range topics {
		ms, err := strconv.ParseInt(t.Configs["retention.ms"], 10, 64)
		if err != nil || ms < 0 {
			continue
		}
		if err := expireTopic(ctx, adm, t.Name, now.UnixMilli()-ms); err != nil {
			return fmt.Errorf("topic %s: %w", t.Name, err)
		}
	}
	return nil
}

// expireTopic deletes what is older than before, in milliseconds since 1970.
func expireTopic(ctx context.Context, adm *kadm.Client, name string, before int64) error {
	starts, err := adm.ListStartOffsets(ctx, name)
	if err != nil {
		return err
	}
	ends, err := adm.ListEndOffsets(ctx, name)
	if err != nil {
		return err
	}
	kept, err := adm.ListOffsetsAfterMilli(ctx, before, name)
	if err != nil {
		return err
	}
	deleted := kadm.Offsets{}
	kept.Each(func(first kadm.ListedOffset) {
		start, _ := starts.Lookup(name, first.Partition)
		end, _ := ends.Lookup(name, first.Partition)
		upTo := min(first.Offset, end.Offset-1)
		if first.Err == nil && start.Err == nil && end.Err == nil && upTo > start.Offset {
			deleted.AddOffset(name, first.Partition, upTo, -1)
		}
	})
	if len(deleted) == 0 {
		return nil
	}
	_, err = adm.DeleteRecords(ctx, deleted)
	return err
}

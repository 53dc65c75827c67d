package query

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Send writes a request to the job's shard and returns once it is
// acknowledged: a scheduler will act on it.
func (t *Topics) Send(ctx context.Context, r run.Request) error {
	value, err := topic.EncodeRequest(r)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	record := &kgo.Record{
		Topic: t.Names.Commands(), Key: []byte(r.Job), Value: value, Partition: topic.Partition(r.Job, t.Shards),
	}
	if err := t.Client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("sending the request: %w", err)
	}
	return nil
}

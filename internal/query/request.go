package query

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Request returns the first request about a job with that ID that was written
// at since or later, and false if there is none.
func (t *Topics) Request(ctx context.Context, jobName, id string, since time.Time) (run.Request, bool, error) {
	name := t.Names.Commands()
	from, err := t.offsetsAt(ctx, name, t.shardOf(jobName), since)
	if err != nil {
		return run.Request{}, false, err
	}
	var found *run.Request
	t.begins(name)
	_, err = kafka.ReadFrom(ctx, t.Kafka, name, from, kafka.ReadCommitted, func(r *kgo.Record) error {
		t.counts()
		if q, err := topic.DecodeRequest(r.Value); err == nil && q.ID == id && q.Job == jobName && found == nil {
			found = &q
		}
		return nil
	})
	if err != nil {
		return run.Request{}, false, fmt.Errorf("looking for an earlier request: %w", err)
	}
	if found == nil {
		return run.Request{}, false, nil
	}
	return *found, true, nil
}

package query

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Members returns who lives at now and, if all is set, who is gone.
func (t *Topics) Members(ctx context.Context, all bool, now time.Time) (member.Roster, error) {
	var view member.View
	err := t.readAll(ctx, t.Names.Members(), nil, func(r *kgo.Record) error {
		if b, err := topic.DecodeBeat(r.Value); r.Value != nil && err == nil {
			view.Observe(r.Partition, b)
		}
		return nil
	})
	if err != nil {
		return member.Roster{}, fmt.Errorf("reading the beats: %w", err)
	}
	return view.Roster(t.Shards, all, now), nil
}

package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Members are the schedulers and workers, by role.
type Members struct {
	Members []Member `json:"members"`
	// Closed are the clusters on whose queues living schedulers can put nothing.
	Closed []Closed `json:"closed_clusters,omitempty"`
	// Unowned are the shards that no living scheduler says it owns.
	Unowned []int32 `json:"unowned_shards,omitempty"`
	// Zones are the versions of time zone data that living members read, in
	// order. Several are a fault: jobs may be due at other times.
	Zones []string `json:"zones,omitempty"`
}

// Closed is a cluster whose runs wait, according to a scheduler.
type Closed struct {
	Cluster string `json:"cluster"`
	By      string `json:"by"`
	Reason  string `json:"reason"`
	// Why is the reason in words.
	Why string `json:"why,omitempty"`
}

// Member is the last beat of a scheduler or worker, and what the log of beats
// says of it.
type Member struct {
	member.Beat
	Status member.Status `json:"status"`
}

// Members returns who lives at now and, if all is set, who is gone.
func (t *Topics) Members(ctx context.Context, all bool, now time.Time) (Members, error) {
	var view member.View
	err := t.readAll(ctx, t.Names.Members(), nil, func(r *kgo.Record) error {
		if b, err := topic.DecodeBeat(r.Value); r.Value != nil && err == nil {
			view.Observe(r.Partition, b)
		}
		return nil
	})
	if err != nil {
		return Members{}, fmt.Errorf("reading the beats: %w", err)
	}
	return membersOf(view.Members(), t.Shards, all, now), nil
}

// quietAfter is when a member's silence says more than the log: with no
// scheduler left there is nobody by whose beats to tell.
const quietAfter = time.Minute

func membersOf(members []member.Member, shards int32, all bool, now time.Time) Members {
	a := Members{Members: []Member{}}
	owned := map[int32]bool{}
	for _, m := range members {
		if m.Status == member.StatusLive && now.Sub(m.At) > quietAfter {
			m.Status = member.StatusSilent
		}
		alive := m.Status == member.StatusLive || m.Status == member.StatusSilent
		if alive || all {
			a.Members = append(a.Members, Member{m.Beat, m.Status})
		}
		if alive && m.Zones != "" && !slices.Contains(a.Zones, m.Zones) {
			a.Zones = append(a.Zones, m.Zones)
		}
		if m.Status != member.StatusLive {
			continue
		}
		for _, shard := range m.Shards {
			owned[shard] = true
		}
		for _, closed := range m.Closed {
			a.Closed = append(a.Closed, Closed{
				Cluster: closed.Cluster, By: m.ID, Reason: closed.Reason, Why: run.Words(closed.Reason),
			})
		}
	}
	slices.Sort(a.Zones)
	slices.SortStableFunc(a.Members, func(x, y Member) int { return strings.Compare(string(x.Role), string(y.Role)) })
	for shard := range shards {
		if !owned[shard] {
			a.Unowned = append(a.Unowned, shard)
		}
	}
	return a
}

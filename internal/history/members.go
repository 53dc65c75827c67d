package history

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
)

// Members are the schedulers and workers, by role and ID.
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
}

// Member is the last beat of a scheduler or worker, and what the log of beats
// says of it.
type Member struct {
	member.Beat
	Status member.Status `json:"status"`
}

// Members returns who lives at now, and who left or is gone since an hour at
// most.
func (d *DB) Members(ctx context.Context, now time.Time) (Members, error) {
	return Members{}, errNotBuilt
}

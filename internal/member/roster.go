package member

import (
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Roster is the members as people are shown them.
type Roster struct {
	// Members are the schedulers and workers, by role and ID.
	Members []Listed `json:"members"`
	// Closed are the clusters on whose queues living schedulers can put nothing.
	Closed []ClosedBy `json:"closed_clusters,omitempty"`
	// Unowned are the shards that no living scheduler says it owns.
	Unowned []int32 `json:"unowned_shards,omitempty"`
	// Zones are the versions of time zone data that living members read, in
	// order. Several are a fault: jobs may be due at other times.
	Zones []string `json:"zones,omitempty"`
}

// Listed is the last beat of a scheduler or worker, and what the log of beats
// says of it.
type Listed struct {
	Beat
	Status Status `json:"status"`
}

// ClosedBy is a cluster whose runs wait, according to a scheduler.
type ClosedBy struct {
	Cluster string `json:"cluster"`
	By      string `json:"by"`
	Reason  string `json:"reason"`
	// Why is the reason in words.
	Why string `json:"why,omitempty"`
}

// QuietAfter is when a member's silence says more than the log: with no
// scheduler left there is nobody by whose beats to tell.
const QuietAfter = time.Minute

// Roster lists the members that live at now and, if all is set, those that are
// gone. Shards is how many shards there are.
func (v *View) Roster(shards int32, all bool, now time.Time) Roster {
	r := Roster{Members: []Listed{}}
	owned := map[int32]bool{}
	for _, m := range v.Members() {
		if m.Status == StatusLive && now.Sub(m.At) > QuietAfter {
			m.Status = StatusSilent
		}
		alive := m.Status == StatusLive || m.Status == StatusSilent
		if alive || all {
			r.Members = append(r.Members, Listed{m.Beat, m.Status})
		}
		if alive && m.Zones != "" && !slices.Contains(r.Zones, m.Zones) {
			r.Zones = append(r.Zones, m.Zones)
		}
		if m.Status == StatusLive {
			r.takeIn(&m.Beat, owned)
		}
	}
	slices.Sort(r.Zones)
	slices.SortStableFunc(r.Members, func(x, y Listed) int { return strings.Compare(string(x.Role), string(y.Role)) })
	for shard := range shards {
		if !owned[shard] {
			r.Unowned = append(r.Unowned, shard)
		}
	}
	return r
}

// takeIn notes what a living member says of shards and clusters.
func (r *Roster) takeIn(b *Beat, owned map[int32]bool) {
	for _, shard := range b.Shards {
		owned[shard] = true
	}
	for _, c := range b.Closed {
		r.Closed = append(r.Closed, ClosedBy{Cluster: c.Cluster, By: b.ID, Reason: c.Reason, Why: run.Words(c.Reason)})
	}
}

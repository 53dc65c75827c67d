package history

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Members are the schedulers and workers, by role and ID.
type Members struct {
	Members []Member `json:"members"`
	// Closed are the clusters on whose queues living schedulers can put nothing.
	Closed []Closed `json:"closed_clusters,omitempty"`
	// Unowned are the shards that no living scheduler says it owns, where
	// Options tell how many there are.
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

// living is the view of the members: folded from the beats, as schedulers fold
// them, and rebuilt from those that the file keeps.
type living struct {
	mu    sync.Mutex
	view  member.View
	turns news
}

func (l *living) observe(beats []logged[member.Beat]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range beats {
		l.see(beats[i].at.Partition, beats[i].value)
	}
}

// see takes the next beat of a lane.
func (l *living) see(lane int32, b member.Beat) {
	l.view.Observe(lane, b)
	if l.turns == nil {
		l.turns = news{}
	}
	l.turns.follows(lane, &b)
}

func (l *living) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view, l.turns = member.View{}, nil
}

// load observes the beats that the file keeps, in the order of each lane.
func (l *living) load(ctx context.Context, f *file) error {
	l.forget()
	return f.ask(ctx, nil, func(q *asking) error {
		return q.each("SELECT lane, body FROM beats ORDER BY lane, offset", nil, func(scan func(...any) error) error {
			var lane int32
			var body []byte
			if err := scan(&lane, &body); err != nil {
				return err
			}
			b, err := topic.DecodeBeat(body)
			if err != nil {
				return err
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.see(lane, b)
			return nil
		})
	})
}

// turn is which beat of which life was a member's latest.
type turn struct{ incarnation, seq int64 }

func turnOf(b *member.Beat) turn { return turn{b.Incarnation, b.Seq} }

func (t turn) after(other turn) bool {
	return t.incarnation > other.incarnation || t.incarnation == other.incarnation && t.seq > other.seq
}

// news tells which beats the view will take, by member and lane: those it will
// not are not kept.
type news map[string]map[int32]turn

// news is what was seen of the members that the view knows.
func (l *living) news() news {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := news{}
	for _, m := range l.view.Members() {
		known[m.ID] = maps.Clone(l.turns[m.ID])
	}
	l.turns = known
	return known.clone()
}

func (n news) clone() news {
	c := make(news, len(n))
	for id, lanes := range n {
		c[id] = maps.Clone(lanes)
	}
	return c
}

// follows reports whether a beat was sent after those of its member that were
// seen before in the lane, and sees it.
func (n news) follows(lane int32, b *member.Beat) bool {
	lanes := n[b.ID]
	if old, seen := lanes[lane]; seen && !turnOf(b).after(old) {
		return false
	}
	if lanes == nil {
		lanes = map[int32]turn{}
		n[b.ID] = lanes
	}
	lanes[lane] = turnOf(b)
	return true
}

func (l *living) members() []member.Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Members()
}

// quietAfter is when a member's silence says more than the log: with no
// scheduler left there is nobody by whose beats to tell.
const quietAfter = time.Minute

// Members returns who lives at now, and who left or is gone since an hour at
// most.
func (d *DB) Members(_ context.Context, now time.Time) (Members, error) {
	a := Members{Members: []Member{}}
	owned := map[int32]bool{}
	for _, m := range d.living.members() {
		if m.Status == member.StatusLive && now.Sub(m.At) > quietAfter {
			m.Status = member.StatusSilent
		}
		a.Members = append(a.Members, Member{m.Beat, m.Status})
		alive := m.Status == member.StatusLive || m.Status == member.StatusSilent
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
			a.Closed = append(a.Closed, Closed{Cluster: closed.Cluster, By: m.ID, Reason: closed.Reason})
		}
	}
	slices.Sort(a.Zones)
	slices.SortStableFunc(a.Members, func(x, y Member) int { return strings.Compare(string(x.Role), string(y.Role)) })
	for shard := range d.o.Shards {
		if !owned[shard] {
			a.Unowned = append(a.Unowned, shard)
		}
	}
	return a, nil
}

package history

import (
	"context"
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
	mu   sync.Mutex
	view member.View
}

func (l *living) observe(beats []logged[member.Beat]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range beats {
		l.view.Observe(beats[i].value)
	}
}

func (l *living) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view = member.View{}
}

// load observes the beats that the file keeps, in the order of the log.
func (l *living) load(ctx context.Context, f *file) error {
	l.forget()
	return f.ask(ctx, nil, func(q *asking) error {
		return q.each("SELECT body FROM beats ORDER BY offset", nil, func(scan func(...any) error) error {
			var body []byte
			if err := scan(&body); err != nil {
				return err
			}
			b, err := topic.DecodeBeat(body)
			if err != nil {
				return err
			}
			l.observe([]logged[member.Beat]{{value: b}})
			return nil
		})
	})
}

// news tells which beats the view will take: those it will not are not kept.
type news map[string]member.Beat

func (l *living) news() news {
	latest := news{}
	for _, m := range l.members() {
		latest[m.ID] = m.Beat
	}
	return latest
}

// follows reports whether a beat was sent after those of its member that were
// seen before, and sees it.
func (n news) follows(b *member.Beat) bool {
	old, known := n[b.ID]
	if known && (b.Incarnation < old.Incarnation || b.Incarnation == old.Incarnation && b.Seq <= old.Seq) {
		return false
	}
	n[b.ID] = *b
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

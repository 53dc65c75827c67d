package history

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
)

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

// Members returns the members that live at now, and those that left or are gone
// since an hour at most. Without Options.Shards nothing is said of unowned ones.
func (d *DB) Members(_ context.Context, now time.Time) (member.Roster, error) {
	d.living.mu.Lock()
	defer d.living.mu.Unlock()
	return d.living.view.Roster(d.o.Shards, true, now), nil
}

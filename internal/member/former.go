package member

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// formerMost bounds the lives of a name before its latest of which it is known
// what they had announced. The first go first.
const formerMost = 8

// announcement is the starts that a life of a worker had announced in its latest
// beat. A life may end, and another begin, before events or a shard could tell.
type announcement struct {
	incarnation, seq int64
	starts           []run.Row
}

// succeed has a new life take the place of the one before.
func (v *View) succeed(e *entry, b *Beat, now time.Duration) {
	e.ousted, e.former = "", nil
	if status := v.status(e); status == StatusLive || status == StatusSilent {
		e.ousted = e.beat.Cluster
	}
	if !e.beat.Leaving {
		for i := range e.places {
			e.former = append(e.former, e.places[i].heard)
		}
	}
	e.remember(&e.beat)
	v.begin(e, b, now)
}

// hearFormer takes a beat of a life before the latest.
func (e *entry) hearFormer(number int, b *Beat, now time.Duration) {
	e.remember(b)
	for len(e.former) <= number {
		e.former = append(e.former, 0)
	}
	e.former[number] = max(e.former[number], now)
}

// remember notes what a life before the latest had announced.
func (e *entry) remember(b *Beat) {
	i := slices.IndexFunc(e.announced, func(a announcement) bool { return a.incarnation == b.Incarnation })
	switch {
	case i >= 0 && b.Seq > e.announced[i].seq:
		e.announced = slices.Clone(e.announced) // members given out hold the old one
		e.announced[i].starts, e.announced[i].seq = b.Claims.Announced, b.Seq
	case i < 0 && len(b.Claims.Announced) > 0:
		e.announced = append(slices.Clone(e.announced), announcement{b.Incarnation, b.Seq, b.Claims.Announced})
		e.announced = e.announced[max(0, len(e.announced)-formerMost):]
	}
}

// Announces reports whether that life of the member has announced the start of the
// claim of that number, in the latest of its beats.
func (m *Member) Announces(incarnation, number int64) bool {
	if incarnation == m.Incarnation {
		return m.Claims.Announces(number)
	}
	for _, a := range m.announced {
		if a.incarnation == incarnation {
			c := run.Claims{Announced: a.starts}
			return c.Announces(number)
		}
	}
	return false
}

package member

import (
	"maps"
	"slices"
	"time"
)

// Status is what the log says of a member.
type Status string

// The statuses. A silent worker has missed WorkerSilent beats of a
// scheduler; a gone member has missed enough that others take its place; a
// member that said so has left.
const (
	StatusLive   Status = "live"
	StatusSilent Status = "silent"
	StatusGone   Status = "gone"
	StatusLeft   Status = "left"
)

// View is what a reader of the members topic knows. The zero value is empty
// and ready. It is a fold: the same beats in the same order give the same
// view everywhere. A beat costs the same however many names came and went.
type View struct {
	members map[string]*entry
	lanes   []*lane
	// dead holds every dead member once, by when it died: deaths counts all
	// there were, deceased those that are known still, and dropped the members
	// that were forgotten for want of room.
	dead            queue
	deaths, dropped int64
	deceased        int
}

// entry is a member's latest beat and how far it has come in each lane.
type entry struct {
	beat   Beat
	places []place
	// period is the view's clock when it last beat anywhere, death its number
	// among the dead, 0 while it lives.
	period, death int64
	// ousted is the cluster of the life before, if that did not say goodbye
	// and may still run; former is when it was last heard in each lane.
	ousted string
	former []time.Duration
	// announced is what lives before this one had announced.
	announced []announcement
}

// Member is one member and what the log says of it.
type Member struct {
	Beat
	Status Status
	// Heard is when Hear took its latest beat; zero if it was only observed.
	Heard time.Duration
	// Former says that a life before this one may still run: it was heard too
	// lately to have given up what it holds.
	Former bool
	// Behind is by how many beats the lanes in which it was judged silent or
	// gone lag behind its latest: what it did since, they cannot tell.
	Behind int64

	lanes     []seen
	former    []time.Duration
	announced []announcement
}

// seen is what one lane says of a member.
type seen struct {
	status Status
	heard  time.Duration
	seq    int64
}

// Observe folds the next beat of a lane into the view. Beats of an older
// incarnation, and repeated ones, change nothing.
func (v *View) Observe(lane int32, b Beat) { v.observe(lane, b, 0) }

// Hear is Observe for a reader that may act on what it reads: it notes that
// the beat came at now, by a clock of the reader's that counts and never jumps.
func (v *View) Hear(lane int32, b Beat, now time.Duration) { v.observe(lane, b, now) }

func (v *View) observe(number int32, b Beat, now time.Duration) {
	if number < 0 || int(number) >= b.lanes() {
		return // nobody judges it there
	}
	if v.members == nil {
		v.members = map[string]*entry{}
	}
	e := v.members[b.ID]
	switch {
	case e == nil:
		v.makeRoom()
		e = &entry{}
		v.members[b.ID] = e
		v.begin(e, &b, now)
	case b.Incarnation > e.beat.Incarnation:
		v.succeed(e, &b, now)
	case b.Incarnation < e.beat.Incarnation:
		e.hearFormer(int(number), &b, now)
		return
	case int(number) >= len(e.places) || b.Seq <= e.places[number].seq:
		return
	}
	v.take(e, int(number), &b, now)
}

// begin notes where the lanes end when a life is first heard of: what is
// written there later counts against it.
func (v *View) begin(e *entry, b *Beat, now time.Duration) {
	places := make([]place, b.lanes())
	for i := range places {
		l := v.lane(i)
		if i < len(e.places) {
			places[i] = e.places[i] // a clock goes on over lives
		}
		places[i].at, places[i].seq, places[i].gone, places[i].heard = l.at, 0, false, now
		l.living = append(l.living, mark{b.ID, l.at})
	}
	e.beat, e.places = *b, places
}

// take folds in a beat that is news in its lane.
func (v *View) take(e *entry, number int, b *Beat, now time.Duration) {
	l, p := v.lane(number), &e.places[number]
	l.at++
	counts := b.Role == RoleScheduler && l.count(p, b)
	p.at, p.seq, p.gone, p.heard = l.at, b.Seq, false, now
	e.period = v.period()
	if b.Seq > e.beat.Seq {
		e.beat = *b
	}
	l.living = append(l.living, mark{b.ID, p.at})
	v.note(e)
	if counts {
		v.bury(number)
	}
	if counts || b.Leaving {
		v.forget()
	}
	if b.Leaving && b.last() && v.members[b.ID] == e {
		v.drop(b.ID)
	}
	v.tidy()
}

// note counts e among the dead or the living.
func (v *View) note(e *entry) {
	gone := 0
	for i := range e.places {
		if e.places[i].gone {
			gone++
		}
	}
	switch dead := e.beat.Leaving || gone >= e.beat.Role.condemning(len(e.places)); {
	case dead && e.death == 0:
		v.deceased++
		v.deaths++
		e.death = v.deaths
		v.dead = append(v.dead, mark{e.beat.ID, e.death})
	case !dead && e.death != 0:
		v.deceased--
		e.death = 0
	}
}

// Members returns all known members, by ID.
func (v *View) Members() []Member {
	all := make([]Member, 0, len(v.members))
	for _, id := range slices.Sorted(maps.Keys(v.members)) {
		all = append(all, v.member(v.members[id]))
	}
	return all
}

// Schedulers returns the schedulers that have beaten lately, by ID.
func (v *View) Schedulers() []Member {
	beaten := map[string]bool{}
	for _, l := range v.lanes {
		for id := range l.pulses {
			beaten[id] = true
		}
	}
	all := make([]Member, 0, len(beaten))
	for _, id := range slices.Sorted(maps.Keys(beaten)) {
		if e := v.members[id]; e != nil && e.beat.Role == RoleScheduler {
			all = append(all, v.member(e))
		}
	}
	return all
}

// Find returns the member of that ID.
func (v *View) Find(id string) (Member, bool) {
	e := v.members[id]
	if e == nil {
		return Member{}, false
	}
	return v.member(e), true
}

func (v *View) member(e *entry) Member {
	m := Member{Beat: e.beat, lanes: make([]seen, len(e.places)), former: slices.Clone(e.former), announced: e.announced}
	for i := range e.places {
		p := &e.places[i]
		m.lanes[i] = seen{v.statusIn(e, i), p.heard, p.seq}
		if p.seq > 0 {
			m.Heard = max(m.Heard, p.heard)
		}
	}
	m.Status = e.beat.status(m.lanes)
	return m
}

// Incarnation returns the number of a life of that member that begins now:
// higher than those of its earlier lives, as Life says.
func (v *View) Incarnation(id string, now time.Time) int64 {
	if e := v.members[id]; e != nil {
		return Life(e.beat.Incarnation, now)
	}
	return Life(0, now)
}

// Replaced reports whether a later life of that member than this one beats.
func (v *View) Replaced(id string, incarnation int64) bool {
	e := v.members[id]
	return e != nil && e.beat.Incarnation > incarnation
}

// Names returns how many members are known.
func (v *View) Names() int { return len(v.members) }

// Dropped returns how many names were forgotten before their time, because
// there were too many.
func (v *View) Dropped() int64 { return v.dropped }

// status is what the log says of e.
func (v *View) status(e *entry) Status {
	lanes := make([]seen, len(e.places))
	for i := range lanes {
		lanes[i].status = v.statusIn(e, i)
	}
	return e.beat.status(lanes)
}

// status is what the lanes say of the sender of b: so many of them as condemn it.
func (b *Beat) status(lanes []seen) Status {
	if b.Leaving {
		return StatusLeft
	}
	gone, silent := 0, 0
	for _, l := range lanes {
		switch l.status {
		case StatusGone:
			gone++
		case StatusSilent:
			silent++
		case StatusLive, StatusLeft:
		}
	}
	switch most := b.Role.condemning(len(lanes)); {
	case gone >= most:
		return StatusGone
	case b.Role == RoleWorker && gone+silent >= most:
		return StatusSilent
	}
	return StatusLive
}

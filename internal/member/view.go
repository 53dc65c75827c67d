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
	pulses  map[string]*pulse
	// at is the place of the latest beat in the log, counted from 1.
	at int64
	// period is the log's own clock: it moves on when a scheduler beats that
	// has beaten in this period already, which is each SchedulerEvery.
	period int64
	// living and dead hold every member once, by when it last beat and by
	// when it died; deceased is how many are dead, dropped how many were
	// forgotten for want of room.
	living, dead queue
	deceased     int
	dropped      int64
}

// entry is a member's latest beat and where it stands in the log.
type entry struct {
	beat   Beat
	at     int64
	period int64
	gone   bool
	// counted is the instant in the latest of a scheduler's beats that counts.
	counted time.Time
	// ousted is the cluster of the life before, if that did not say goodbye
	// and may still run.
	ousted string
	heard  time.Duration
}

// Member is one member and what the log says of it.
type Member struct {
	Beat
	Status Status
	// Heard is when Hear took its latest beat; zero if it was only observed.
	Heard time.Duration
}

// Observe folds the next beat of the log into the view. Beats of an older
// incarnation, and repeated ones, change nothing.
func (v *View) Observe(b Beat) { v.observe(b) }

// Hear is Observe for a reader that may act on what it reads: it notes that
// the beat came at now, by a clock of the reader's that counts and never jumps.
func (v *View) Hear(b Beat, now time.Duration) {
	if e := v.observe(b); e != nil {
		e.heard = now
	}
}

func (v *View) observe(b Beat) *entry {
	if v.members == nil {
		v.members, v.pulses = map[string]*entry{}, map[string]*pulse{}
	}
	e := v.members[b.ID]
	switch {
	case e == nil:
		v.makeRoom()
		e = &entry{}
		v.members[b.ID] = e
	case !b.follows(&e.beat):
		return nil
	case b.Incarnation > e.beat.Incarnation:
		e.ousted = ""
		if status := v.status(e); status == StatusLive || status == StatusSilent {
			e.ousted = e.beat.Cluster
		}
	}
	v.at++
	counts := b.Role == RoleScheduler && v.count(e, &b)
	if e.dead() {
		v.deceased--
	}
	e.beat, e.at, e.period, e.gone = b, v.at, v.period, false
	if b.Leaving {
		v.deceased++
		v.dead = append(v.dead, mark{b.ID, e.at})
	} else {
		v.living = append(v.living, mark{b.ID, e.at})
	}
	if counts {
		v.bury()
	}
	if counts || b.Leaving {
		v.forget()
	}
	if b.Leaving && b.last() && v.members[b.ID] == e {
		v.drop(b.ID)
	}
	v.tidy()
	return e
}

// follows reports whether b was sent after old, by the same member.
func (b *Beat) follows(old *Beat) bool {
	return b.Incarnation > old.Incarnation || b.Incarnation == old.Incarnation && b.Seq > old.Seq
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
	all := make([]Member, 0, len(v.pulses))
	for _, id := range slices.Sorted(maps.Keys(v.pulses)) {
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
	return Member{Beat: e.beat, Status: v.status(e), Heard: e.heard}
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

func (v *View) status(e *entry) Status {
	switch {
	case e.beat.Leaving:
		return StatusLeft
	case e.gone, v.missed(e, WorkerGone), e.beat.Role == RoleScheduler && v.missed(e, SchedulerGone):
		return StatusGone
	case e.beat.Role == RoleWorker && v.missed(e, WorkerSilent):
		return StatusSilent
	}
	return StatusLive
}

// missed reports whether n beats of one other scheduler have passed since
// e's.
func (v *View) missed(e *entry, n int64) bool {
	for id, p := range v.pulses {
		if id != e.beat.ID && p.latest(n) > e.at {
			return true
		}
	}
	return false
}

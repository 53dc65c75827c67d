package member

import "slices"

const (
	// forgetAfter is how many periods a dead member stays in the view, for
	// people who ask: an hour.
	forgetAfter = 7200
	// deadMost bounds the dead that stay; the first to have died go first.
	deadMost = 1000
	// namesMost bounds all names. Beyond it the dead go first, then those who
	// have not beaten for longest; a living one is back with its next beat.
	namesMost = 50_000
	// slack is how many marks that say nothing any more a queue may hold
	// beside as many as there are names.
	slack = 1024
)

// queue holds members, the first to come first. A mark that a later beat of
// its member has overtaken says nothing.
type queue []mark

// mark is a member, and the place in the lane of its beat at that time, or the
// number of its death.
type mark struct {
	id string
	at int64
}

// marked returns the member that m speaks of, unless it has beaten in the lane
// since.
func (v *View) marked(number int, m mark) *entry {
	e := v.members[m.id]
	if e == nil || number >= len(e.places) || e.places[number].at != m.at || e.places[number].gone {
		return nil
	}
	return e
}

// buried returns the dead member that m speaks of, unless it lives again.
func (v *View) buried(m mark) *entry {
	if e := v.members[m.id]; e != nil && e.death == m.at {
		return e
	}
	return nil
}

// bury notes who is gone in a lane, and drops the pulses that say nothing of
// anybody alive there. Who did not beat for longest is gone first; a scheduler
// behind it, for which fewer beats do, is noted no later than 60 beats on.
func (v *View) bury(number int) {
	l := v.lane(number)
	for len(l.living) > 0 {
		m := l.living[0]
		if e := v.marked(number, m); e != nil {
			if v.statusIn(e, number) != StatusGone {
				break
			}
			e.places[number].gone = true
			v.note(e)
			if e.death != 0 && e.beat.last() {
				v.drop(m.id)
			}
		}
		l.living = l.living[1:]
	}
	for id, p := range l.pulses {
		e := v.members[id]
		alive := e != nil && !e.beat.Leaving && number < len(e.places) && !e.places[number].gone
		if !alive && (len(l.living) == 0 || p.latest(1) < l.living[0].at) {
			delete(l.pulses, id)
		}
	}
}

// forget drops those dead for so long that nobody asks, and those too many.
func (v *View) forget() {
	for len(v.dead) > 0 {
		m := v.dead[0]
		if e := v.buried(m); e != nil {
			old := v.period()-e.period >= forgetAfter
			if !old && v.deceased <= deadMost {
				break
			}
			v.drop(m.id)
			if !old {
				v.dropped++
			}
		}
		v.dead = v.dead[1:]
	}
}

func (v *View) drop(id string) {
	if v.members[id].death != 0 {
		v.deceased--
	}
	delete(v.members, id)
}

// makeRoom forgets somebody if there are too many to know one more. Everybody
// beats in the first lane.
func (v *View) makeRoom() {
	for len(v.members) >= namesMost && len(v.dead) > 0 {
		if v.buried(v.dead[0]) != nil {
			v.drop(v.dead[0].id)
			v.dropped++
		}
		v.dead = v.dead[1:]
	}
	for l := v.lane(0); len(v.members) >= namesMost && len(l.living) > 0; l.living = l.living[1:] {
		if v.marked(0, l.living[0]) != nil {
			v.drop(l.living[0].id)
			v.dropped++
		}
	}
}

// tidy drops the marks that say nothing, once there are more of them than of
// the others.
func (v *View) tidy() {
	for number, l := range v.lanes {
		if len(l.living) > 2*len(v.members)+slack {
			l.living = slices.Clone(slices.DeleteFunc(l.living, func(m mark) bool { return v.marked(number, m) == nil }))
		}
	}
	if len(v.dead) > 2*len(v.members)+slack {
		v.dead = slices.Clone(slices.DeleteFunc(v.dead, func(m mark) bool { return v.buried(m) == nil }))
	}
}

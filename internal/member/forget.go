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

// mark is a member, and the place in the log of its beat at that time.
type mark struct {
	id string
	at int64
}

// marked returns the member that m speaks of, unless it has beaten since.
func (v *View) marked(m mark) *entry {
	if e := v.members[m.id]; e != nil && e.at == m.at {
		return e
	}
	return nil
}

func (e *entry) dead() bool { return e.gone || e.beat.Leaving }

// bury moves to the dead who is gone, and drops the pulses that say nothing
// of anybody alive. Who did not beat for longest is gone first; a scheduler
// behind it, for which fewer beats do, is moved no later than 60 beats on.
func (v *View) bury() {
	for len(v.living) > 0 {
		m := v.living[0]
		if e := v.marked(m); e != nil {
			if v.status(e) != StatusGone {
				break
			}
			e.gone = true
			v.deceased++
			if e.beat.last() {
				v.drop(m.id)
			} else {
				v.dead = append(v.dead, m)
			}
		}
		v.living = v.living[1:]
	}
	for id, p := range v.pulses {
		e := v.members[id]
		alive := e != nil && !e.dead()
		if !alive && (len(v.living) == 0 || p.latest(1) < v.living[0].at) {
			delete(v.pulses, id)
		}
	}
}

// forget drops those dead for so long that nobody asks, and those too many.
func (v *View) forget() {
	for len(v.dead) > 0 {
		m := v.dead[0]
		if e := v.marked(m); e != nil {
			old := v.period-e.period >= forgetAfter
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
	if v.members[id].dead() {
		v.deceased--
	}
	delete(v.members, id)
}

// makeRoom forgets somebody if there are too many to know one more.
func (v *View) makeRoom() {
	for _, q := range []*queue{&v.dead, &v.living} {
		for len(v.members) >= namesMost && len(*q) > 0 {
			m := (*q)[0]
			*q = (*q)[1:]
			if v.marked(m) != nil {
				v.drop(m.id)
				v.dropped++
			}
		}
	}
}

// tidy drops the marks that say nothing, once there are more of them than of
// the others.
func (v *View) tidy() {
	silent := func(m mark) bool { return v.marked(m) == nil }
	for _, q := range []*queue{&v.living, &v.dead} {
		if len(*q) > 2*len(v.members)+slack {
			*q = slices.Clone(slices.DeleteFunc(*q, silent))
		}
	}
}

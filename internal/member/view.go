package member

import (
	"cmp"
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

// forgetAfter is how many beats of one scheduler a dead member stays in the
// view, for people who ask (an hour).
const forgetAfter = 7200

// View is what a reader of the members topic knows. The zero value is empty
// and ready. It is a fold: the same beats in the same order give the same
// view everywhere.
type View struct {
	members map[string]*entry
	// beats counts the beats seen of each scheduler.
	beats map[string]int64
}

// entry is a member's latest beat, and how many beats each scheduler had
// sent by then.
type entry struct {
	beat Beat
	seen map[string]int64
}

// Member is one member and what the log says of it.
type Member struct {
	Beat
	Status Status
	// Missed is how many beats of one other scheduler have passed since the
	// member's latest.
	Missed int64
}

// Observe folds the next beat of the log into the view. Beats of an older
// incarnation, and repeated ones, change nothing.
func (v *View) Observe(b Beat) {
	if v.members == nil {
		v.members, v.beats = map[string]*entry{}, map[string]int64{}
	}
	if e := v.members[b.ID]; e != nil {
		old := e.beat
		if b.Incarnation < old.Incarnation || b.Incarnation == old.Incarnation && b.Seq <= old.Seq {
			return
		}
	}
	if b.Role == RoleScheduler {
		v.beats[b.ID]++
	}
	v.members[b.ID] = &entry{beat: b, seen: maps.Clone(v.beats)}
	if b.Role == RoleScheduler {
		v.forget()
	}
}

// forget drops members dead for so long that nobody asks. The count of a
// scheduler's beats stays: others were last seen at some number of them, and
// should it come back it counts on from there.
func (v *View) forget() {
	for id, e := range v.members {
		if v.missed(id, e) > forgetAfter {
			delete(v.members, id)
		}
	}
}

// missed is how many beats of one other scheduler passed since e's.
func (v *View) missed(id string, e *entry) int64 {
	most := int64(0)
	for scheduler, n := range v.beats {
		if scheduler != id {
			most = max(most, n-e.seen[scheduler])
		}
	}
	return most
}

// Members returns all known members, by ID.
func (v *View) Members() []Member {
	all := make([]Member, 0, len(v.members))
	for id, e := range v.members {
		missed := v.missed(id, e)
		all = append(all, Member{Beat: e.beat, Status: status(e.beat, missed), Missed: missed})
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Find returns the member of that ID.
func (v *View) Find(id string) (Member, bool) {
	e := v.members[id]
	if e == nil {
		return Member{}, false
	}
	missed := v.missed(id, e)
	return Member{Beat: e.beat, Status: status(e.beat, missed), Missed: missed}, true
}

// Incarnation returns the number of a life of that member that begins now:
// higher than those of its earlier lives, also if the clock was set back since.
func (v *View) Incarnation(id string, now time.Time) int64 {
	if e := v.members[id]; e != nil {
		return max(now.UnixNano(), e.beat.Incarnation+1)
	}
	return now.UnixNano()
}

// Replaced reports whether a later life of that member than this one beats.
func (v *View) Replaced(id string, incarnation int64) bool {
	e := v.members[id]
	return e != nil && e.beat.Incarnation > incarnation
}

func status(b Beat, missed int64) Status {
	switch {
	case b.Leaving:
		return StatusLeft
	case b.Role == RoleScheduler && missed >= SchedulerGone, missed >= WorkerGone:
		return StatusGone
	case b.Role == RoleWorker && missed >= WorkerSilent:
		return StatusSilent
	}
	return StatusLive
}

package member

import "time"

// LanesMost bounds the lanes of a beat; of more a reader takes note of none.
const LanesMost = 16

// condemning returns in how many of n lanes a member must be missing to be silent
// or gone: a worker in all of them, for any one lane that has its beat lets it
// start runs. Of schedulers a majority tells: that only one of them commits for a
// shard is Kafka's fence, and a lane that is lost is to stop no take-over.
func (r Role) condemning(n int) int {
	if r == RoleScheduler {
		return n/2 + 1
	}
	return n
}

// lanes returns in how many lanes the sender of b beats.
func (b *Beat) lanes() int { return min(max(b.Lanes, 1), LanesMost) }

// lane is what a reader knows of one partition of the members topic. Its clock
// is its own: while its leader is away, no time passes in it.
type lane struct {
	pulses map[string]*pulse
	// at is the place of the latest beat in the lane, counted from 1.
	at int64
	// period is the lane's own clock: it moves on when a scheduler beats that
	// has beaten in this period already, which is each SchedulerEvery.
	period int64
	// living holds every member that beats here and is not gone, by when it did.
	living queue
}

// place is how far a member has come in one lane.
type place struct {
	// at is the place of its latest beat, or where the lane ended when its life
	// was first heard of; seq is the beat's number, 0 if there is none here.
	at, seq int64
	// gone: WorkerGone, or SchedulerGone, beats of another have passed since.
	gone bool
	// counted is the instant in the latest of a scheduler's beats that counts,
	// if timed says that there is one.
	counted time.Time
	timed   bool
	// heard is when Hear took the beat, or one that told of this life.
	heard time.Duration
}

// lane returns the lane of that number, new if nothing was heard in it.
func (v *View) lane(number int) *lane {
	for len(v.lanes) <= number {
		v.lanes = append(v.lanes, &lane{pulses: map[string]*pulse{}})
	}
	return v.lanes[number]
}

// period is the clock of the lane in which most time has passed.
func (v *View) period() int64 {
	var latest int64
	for _, l := range v.lanes {
		latest = max(latest, l.period)
	}
	return latest
}

// missed reports whether n beats of one other scheduler than id have passed in
// the lane since that place.
func (l *lane) missed(id string, at, n int64) bool {
	for other, p := range l.pulses {
		if other != id && p.latest(n) > at {
			return true
		}
	}
	return false
}

// statusIn is what the log of one lane alone says of e.
func (v *View) statusIn(e *entry, number int) Status {
	l, p := v.lane(number), &e.places[number]
	switch {
	case p.gone, l.missed(e.beat.ID, p.at, WorkerGone),
		e.beat.Role == RoleScheduler && l.missed(e.beat.ID, p.at, SchedulerGone):
		return StatusGone
	case e.beat.Role == RoleWorker && l.missed(e.beat.ID, p.at, WorkerSilent):
		return StatusSilent
	}
	return StatusLive
}

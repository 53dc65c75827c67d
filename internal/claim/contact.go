package claim

import "time"

// Contact is what was acknowledged of a worker's beats, lane by lane.
type Contact struct{ lanes []acked }

// acked is how far a lane has come.
type acked struct {
	sent   mark  // when the latest acknowledged beat was sent
	number int64 // its number
}

// NewContact returns that of a worker that beats in so many lanes, at least one.
func NewContact(lanes int) Contact { return Contact{make([]acked, max(lanes, 1))} }

// Acked takes that a lane has the beat of that number, sent then.
func (c *Contact) Acked(lane int, number int64, sent time.Duration) {
	if lane < 0 || lane >= len(c.lanes) {
		return
	}
	l := &c.lanes[lane]
	l.sent.note(sent)
	l.number = max(l.number, number)
}

// Since returns when the latest beat was sent that some lane has; false before
// the first.
func (c *Contact) Since() (time.Duration, bool) {
	var latest mark
	for _, l := range c.lanes {
		if l.sent.set {
			latest.note(l.sent.at)
		}
	}
	return latest.at, latest.set
}

// Number returns the highest number of a beat that some lane has.
func (c *Contact) Number() int64 {
	var highest int64
	for _, l := range c.lanes {
		highest = max(highest, l.number)
	}
	return highest
}

// Ages returns how long ago the beat was sent that each lane acknowledged last,
// -1 for a lane that has acknowledged none.
func (c *Contact) Ages(now time.Duration) []time.Duration {
	ages := make([]time.Duration, 0, len(c.lanes))
	for _, l := range c.lanes {
		if !l.sent.set {
			ages = append(ages, -1)
			continue
		}
		ages = append(ages, now-l.sent.at)
	}
	return ages
}

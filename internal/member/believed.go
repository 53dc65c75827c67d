package member

import (
	"slices"
	"time"
)

// early is how much sooner than it should a scheduler's beat may come, seen
// from a reader that took a member's latest one late.
const early = 250 * time.Millisecond

// HearsItself is how long ago the latest of its own beats that a reader has
// read in a lane may have been sent for it to hear that lane.
const HearsItself = 3 * time.Second

// Reader is what a scheduler that judges others knows of itself, by the clock
// that Hear was given and that began when reading did.
type Reader struct {
	Now time.Duration
	// Own is when the latest of its own beats that it has read in each lane was
	// sent; 0 if it has read none. All that stood in the lane then, it has read.
	Own []time.Duration
}

func (r Reader) own(lane int) time.Duration {
	if lane < len(r.Own) {
		return r.Own[lane]
	}
	return 0
}

// Deaf returns in which of its lanes the reader has not lately read its own beats.
// While there is one, that it knows nothing of something says little: it may stand
// in that lane.
func (r Reader) Deaf(lanes int) []int {
	var deaf []int
	for i := range lanes {
		if own := r.own(i); own == 0 || r.Now-own > HearsItself {
			deaf = append(deaf, i)
		}
	}
	return deaf
}

// Believed returns m with the status that r may act on. The log alone may be
// wrong: the instants in beats are their writers' word, a log can be written
// faster than time passes, and what was read of a lane may be old. So a worker is
// silent or gone only if there was one moment for which r knows that in every
// lane nothing had come of the worker for as long: all that was written before r
// sent a beat that it has read itself, it has read.
//
// A scheduler that was dead when reading began is: a reader that took it for
// living would see other owners than everybody else.
func (m Member) Believed(r Reader) Member {
	m.Former = len(m.former) > 0 && !r.unheard(m.former, atLeast(WorkerSilent))
	if m.Status != StatusGone && m.Status != StatusSilent {
		return m
	}
	if m.Role == RoleScheduler {
		gone := 0
		for _, l := range m.lanes {
			if l.status == StatusGone && (l.heard == 0 || r.Now-l.heard >= atLeast(SchedulerGone)) {
				gone++
			}
		}
		if gone < m.Role.condemning(len(m.lanes)) {
			m.Status = StatusLive
		}
		return m
	}
	said := m.Status
	m.Status = StatusLive
	if seq, ok := r.missing(m.lanes, atLeast(WorkerSilent), StatusSilent, StatusGone); ok {
		m.Status, m.Behind = StatusSilent, m.Seq-seq
	}
	if seq, ok := r.missing(m.lanes, atLeast(WorkerGone), StatusGone); ok && said == StatusGone {
		m.Status, m.Behind = StatusGone, m.Seq-seq
	}
	return m
}

// missing reports whether all lanes have one of those statuses and, at one
// moment, had brought nothing for so long, and the number of the latest beat that
// each of them holds. The latest moment of which all lanes tell is that of the one
// that lags behind.
func (r Reader) missing(lanes []seen, least time.Duration, statuses ...Status) (seq int64, ok bool) {
	at := r.own(0)
	for i := range lanes {
		at = min(at, r.own(i))
	}
	seq = lanes[0].seq
	for _, l := range lanes {
		if at-l.heard < least || !slices.Contains(statuses, l.status) {
			return 0, false
		}
		seq = min(seq, l.seq)
	}
	return seq, true
}

// unheard is missing for one of whom nothing is known but when it was heard.
func (r Reader) unheard(heard []time.Duration, least time.Duration) bool {
	lanes := make([]seen, len(heard))
	for i, at := range heard {
		lanes[i] = seen{StatusGone, at, 0}
	}
	_, ok := r.missing(lanes, least, StatusGone)
	return ok
}

// atLeast is how long that many beats of one scheduler take: the first may
// come right after the member's own.
func atLeast(beats int) time.Duration {
	return time.Duration(beats-1)*SchedulerEvery - early
}

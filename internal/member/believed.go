package member

import (
	"slices"
	"time"
)

// early is how much sooner than it should a scheduler's beat may come, seen
// from a reader that took a member's latest one late.
const early = 250 * time.Millisecond

// HearsItself is how long ago the latest of its own beats that a reader has
// read may have been sent, in a majority of lanes, for it to judge anybody: else
// it hears too little.
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

// Hears reports whether the reader, which beats in so many lanes, has lately
// read its own beats in a majority of them.
func (r Reader) Hears(lanes int) bool {
	lately := 0
	for i := range lanes {
		if own := r.own(i); own > 0 && r.Now-own <= HearsItself {
			lately++
		}
	}
	return lately >= Majority(lanes)
}

// Believed returns m with the status that r may act on. The log alone may be
// wrong: the instants in beats are their writers' word, a log can be written
// faster than time passes, and what was read of a lane may be old. So a worker is
// silent or gone only if there was a moment for which r knows that, in a
// majority of lanes, it had heard nothing of the worker for as long: all that was
// written before r sent a beat that it has read itself, it has read.
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
		if gone < Majority(len(m.lanes)) {
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

// missing reports whether, at one moment, a majority of lanes with one of those
// statuses had brought nothing for so long, and the number of the latest beat
// that each of such a majority holds.
func (r Reader) missing(lanes []seen, least time.Duration, statuses ...Status) (seq int64, ok bool) {
	for i := range lanes {
		at := r.own(i)
		var seqs []int64
		for j, l := range lanes {
			if r.own(j) >= at && at-l.heard >= least && slices.Contains(statuses, l.status) {
				seqs = append(seqs, l.seq)
			}
		}
		if most := Majority(len(lanes)); len(seqs) >= most {
			slices.Sort(seqs)
			seq, ok = max(seq, seqs[len(seqs)-most]), true
		}
	}
	return seq, ok
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

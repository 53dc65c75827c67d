package schedule

import (
	"math"
	"time"
)

const (
	// The instants Next answers for: years 1 to 9999, what RFC 3339 can write.
	minUnix = -62135596800
	maxUnix = 253402300799

	// maxShift is more than the difference of any two offsets a zone ever
	// had (the widest, a day, are moves across the date line).
	maxShift = 48 * 3600
)

// Next is the first due time strictly after an instant, in the schedule's
// zone. It is false when there is none: an @at has passed, or the year 9999.
func (s *Schedule) Next(after time.Time) (time.Time, bool) {
	t := max(after.Unix(), minUnix)
	if t >= maxUnix {
		return time.Time{}, false
	}
	ok := true
	switch s.kind {
	case kindEvery:
		n, _ := floorDiv(t, s.interval)
		t = (n + 1) * s.interval
	case kindAt:
		ok = t < s.at
		t = s.at
	case kindFields:
		if s.spec.wildcard() {
			t, ok = s.nextWildcard(t)
		} else {
			t, ok = s.nextFixed(t)
		}
	}
	if !ok || t > maxUnix {
		return time.Time{}, false
	}
	return time.Unix(t, 0).In(s.loc), true
}

// nextWildcard is the first instant after t whose wall clock matches: a time
// skipped by a clock change has no fire, a repeated one has two.
func (s *Schedule) nextWildcard(t int64) (int64, bool) {
	t++
	for {
		p := s.period(t)
		wall, ok := s.spec.next(t + p.offset)
		if !ok {
			return 0, false
		}
		due := wall - p.offset
		if due < p.end {
			return due, true
		}
		// Nothing matches up to a shift before due, unless the clock is put
		// back to before where this search began.
		if long := p.end-t > maxShift; long && due-maxShift > p.end {
			t = due - maxShift
		} else {
			t = p.end
		}
		if t > maxUnix {
			return 0, false
		}
	}
}

// nextFixed is the first instant at which the wall clock has reached a
// matching time that it had not reached at t: a time skipped by a clock change
// fires at the end of the gap, a repeated one at its first occurrence.
func (s *Schedule) nextFixed(t int64) (int64, bool) {
	p := s.period(t)
	wall, ok := s.spec.next(s.reached(t, p) + 1)
	if !ok {
		return 0, false
	}
	for {
		due := max(wall-p.offset, t+1)
		if due < p.end {
			return due, true
		}
		t = max(p.end, due-maxShift) - 1
		if t >= maxUnix {
			return 0, false
		}
		p = s.period(t + 1)
	}
}

// reached is the furthest the wall clock has been up to and at t, which lies
// in p. It is what cron.c calls virtualTime.
func (s *Schedule) reached(t int64, p period) int64 {
	furthest := t + p.offset
	for start := p.start; start > t-maxShift; {
		earlier := s.period(start - 1)
		furthest = max(furthest, start-1+earlier.offset)
		start = earlier.start
	}
	return furthest
}

// period is the time [start, end) over which a zone keeps one offset, in
// seconds.
type period struct{ start, end, offset int64 }

func (s *Schedule) period(t int64) period {
	p := period{start: math.MinInt64, end: math.MaxInt64}
	if s.loc == time.UTC {
		return p
	}
	at := time.Unix(t, 0).In(s.loc)
	_, offset := at.Zone()
	p.offset = int64(offset)
	start, end := at.ZoneBounds()
	if !start.IsZero() {
		p.start = start.Unix()
	}
	if !end.IsZero() {
		p.end = end.Unix()
	}
	if p.end <= t {
		// Past a zone's last tabled change, ZoneBounds ends the year's last
		// period 365 days after New Year: on 31 December of a leap year the
		// end has passed. No rule changes the clock on that day.
		day, _ := floorDiv(t, daySeconds)
		p.end = (day + 1) * daySeconds
	}
	return p
}

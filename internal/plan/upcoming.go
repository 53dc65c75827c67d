package plan

import "time"

// Change is an instant at which a zone's clock is put forward or back, and
// the offsets from UTC before and from then on, in seconds.
type Change struct {
	At      time.Time `json:"at"`
	Was, Is int       `json:"-"`
}

// Forward says that the clock skips what is between the two.
func (c Change) Forward() bool { return c.Is > c.Was }

// Before and After are what the clock showed up to the change, and what it
// shows from then on.
func (c Change) Before() time.Time { return c.wall(c.Was) }

// After is the other side of Before.
func (c Change) After() time.Time { return c.wall(c.Is) }

func (c Change) wall(offset int) time.Time {
	return c.At.UTC().Add(time.Duration(offset) * time.Second)
}

// Upcoming is one due time and what is peculiar about it. Its zone is that
// of the schedule.
type Upcoming struct {
	At time.Time

	// Since is the due time before, zero if there was none.
	Since time.Time

	// Changes are those of the clock between the two, a few at most.
	Changes []Change

	// MovedFrom is what the clock would have shown, had it not been put
	// forward over it; zero for all other due times.
	MovedFrom time.Time

	// Lost is what the clock would have shown at a due time that never came,
	// since the clock was put forward over it.
	Lost time.Time

	// Repeat is 1 or 2 where the clock shows the time twice; Both says that
	// the job is due both times.
	Repeat int
	Both   bool

	// Skipped counts the due times between the two that are not run, and
	// Why is the first one's reason.
	Skipped int
	Why     string
}

// Preview lists due times.
type Preview struct {
	// Next names the due times, in the schedule's zone.
	Next Next

	// Wall is Next for a clock that is never changed: UTC. It is nil for a
	// schedule that does not go by the clock.
	Wall Next

	// Reason is why a due time is not run, empty if it is; nil says that all
	// are.
	Reason func(at time.Time) string
}

// maxSkipped bounds how many due times that are not run are passed over in
// search of one that is, to either side.
const maxSkipped = 100_000

// List returns the first n due times after an instant, fewer if there are no
// more.
func (p Preview) List(after time.Time, n int) []Upcoming {
	var out []Upcoming
	since := p.previous(after)
	for len(out) < n {
		u := Upcoming{Since: since}
		due, ok := p.Next(after)
		for ok && p.Reason != nil && u.Skipped < maxSkipped {
			why := p.Reason(due)
			if why == "" {
				break
			}
			if u.Skipped == 0 {
				u.Why = why
			}
			u.Skipped++
			due, ok = p.Next(due)
		}
		if !ok || u.Skipped == maxSkipped {
			break
		}
		u.At = due
		p.mark(&u)
		out = append(out, u)
		since, after = due, due
	}
	return out
}

// previous is the last due time at or before an instant. Schedules look only
// ahead: so this begins a little before, and further away if nothing is found.
func (p Preview) previous(at time.Time) time.Time {
	const day = 24 * time.Hour
	var last time.Time
	skipped := 0
	for _, span := range []time.Duration{time.Minute, time.Hour, day, 8 * day, 32 * day, 367 * day, 9 * 366 * day, 45 * 366 * day} {
		for due, ok := p.Next(at.Add(-span)); ok && !due.After(at); due, ok = p.Next(due) {
			if p.Reason == nil || p.Reason(due) == "" {
				last = due
			} else if skipped++; skipped > maxSkipped {
				return last
			}
		}
		if !last.IsZero() {
			break
		}
	}
	return last
}

// mark finds what the clock does to a due time.
func (p Preview) mark(u *Upcoming) {
	since := u.Since
	if since.IsZero() {
		since = u.At.Add(-24 * time.Hour)
	}
	u.Changes = Changes(since, u.At)
	if p.Wall == nil {
		return
	}
	for _, c := range u.Changes {
		if !c.Forward() {
			continue
		}
		nominal, ok := p.Wall(c.Before().Add(-time.Second))
		if !ok || !nominal.Before(c.After()) {
			continue
		}
		// The clock went over a time that matches.
		if at, ok := p.Wall(c.After().Add(-time.Second)); c.At.Equal(u.At) && (!ok || !at.Equal(c.After())) {
			u.MovedFrom = nominal
		} else if !c.At.Equal(u.At) {
			u.Lost = nominal
		}
	}
	p.repeat(u)
}

// repeat finds out whether the clock shows a due time twice.
func (p Preview) repeat(u *Upcoming) {
	const most = 3 * time.Hour // more is no fold but a move across the date line
	for _, c := range Changes(u.At.Add(-most), u.At.Add(most)) {
		fold := time.Duration(c.Was-c.Is) * time.Second
		if fold <= 0 {
			continue
		}
		var other time.Time
		switch {
		case u.At.Before(c.At) && !u.At.Before(c.At.Add(-fold)):
			u.Repeat = 1
			other = u.At.Add(fold)
		case !u.At.Before(c.At) && u.At.Before(c.At.Add(fold)):
			u.Repeat = 2
			other = u.At.Add(-fold)
		default:
			continue
		}
		due, ok := p.Next(other.Add(-time.Second))
		u.Both = ok && due.Equal(other)
	}
}

// Changes are those of the clock of until's zone after since and up to
// until: the last eight, in order.
func Changes(since, until time.Time) []Change {
	const most = 8
	var out []Change
	for at := until; len(out) < most; {
		start, _ := at.ZoneBounds()
		if start.IsZero() || !start.After(since) {
			break
		}
		_, is := start.Zone()
		at = start.Add(-time.Second)
		if _, was := at.Zone(); was != is {
			out = append([]Change{{At: start, Was: was, Is: is}}, out...)
		}
	}
	return out
}

package lint

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
)

// dues looks at the due times that a schedule names.
func (c *checker) dues(s *subject) {
	c.never(s)
	c.rare(s)
	c.limits(s)
	c.catchUp(s)
	c.calendarEnds(s)
}

const (
	// looks bounds the search for a due time that is not excluded: one for
	// each day that a calendar excludes, more than ten years' worth.
	looks = 4000
	// skip is how far that search goes on from a due time in a blackout.
	skip = 15 * time.Minute
)

// never finds jobs whose time has passed, or is excluded each time.
func (c *checker) never(s *subject) {
	due, ok := s.schedule.Next(c.now)
	if !ok {
		c.found(s, Never, "schedule", "never due again: its time has passed", "remove the job, or give it another time")
		return
	}
	if s.except == nil {
		return
	}
	reason := ""
	for range looks {
		reason = s.except.Reason(due)
		if reason == "" {
			return
		}
		after := due.Add(skip)
		if strings.HasPrefix(reason, job.ReasonCalendar) {
			year, month, day := due.Date()
			after = time.Date(year, month, day+1, 0, 0, 0, 0, s.zone).Add(-time.Second)
		}
		if after.Before(due) {
			after = due
		}
		if due, ok = s.schedule.Next(after); !ok {
			break
		}
	}
	field := "except_on"
	switch {
	case strings.HasPrefix(reason, job.ReasonBlackout):
		field = "blackouts"
	case len(s.OnlyOn) > 0:
		field = "only_on"
	}
	c.found(s, Never, field, "no due time is left: each one is skipped by "+strings.Replace(reason, ":", " ", 1), "")
}

// often is the longest gap between due times that is not rare: a year.
const often = 367 * 24 * time.Hour

// rare finds days that come once in several years, and days that some of the
// months have not.
func (c *checker) rare(s *subject) {
	if len(s.fields) == 0 {
		return
	}
	first, ok := s.plain.Next(c.now)
	second, more := s.plain.Next(first)
	if ok && more && (first.Sub(c.now) > often || second.Sub(first) > often) {
		c.found(s, Rare, "schedule", fmt.Sprintf("due rarely: on %s, then on %s", first.Format(time.DateOnly), second.Format(time.DateOnly)), "")
		return
	}
	if s.fields[dayOfWeek] != "*" {
		return
	}
	if without := s.monthsWithout(c.now.Year() + 1); len(without) > 0 {
		w, _ := s.column(dayOfMonth)
		hint := "L is the last day of every month"
		if strings.ContainsAny(w.text, "Ww") {
			hint = "LW is the last day from Monday to Friday of every month"
		}
		c.foundIn(s, Rare, "schedule", w, "not due in "+strings.Join(without, ", ")+", which have no such day", hint)
	}
}

// monthsWithout lists the months of the expression that have not its day, in
// the first year from then on that is no leap year.
func (s *subject) monthsWithout(year int) []string {
	if year%4 == 0 {
		year++
	}
	var names []string
	for rest := expand(s.fields[month], 1, 12); rest != 0; rest &= rest - 1 {
		m := time.Month(bits.TrailingZeros64(rest))
		first := time.Date(year, m, 1, 0, 0, 0, 0, time.UTC)
		if due, ok := s.plain.Next(first.Add(-time.Second)); !ok || !due.Before(first.AddDate(0, 1, 0)) {
			names = append(names, m.String())
		}
	}
	return names
}

// limits finds durations that are at odds with the gap between due times.
func (c *checker) limits(s *subject) {
	if s.gap == 0 {
		return
	}
	if s.Overlap == job.OverlapAllow && s.Timeout > s.gap {
		at := int((s.Timeout + s.gap - 1) / s.gap)
		// At the schedule, since the timeout is often a default.
		c.found(s, Overlapping, "schedule", fmt.Sprintf("due every %s, and a run may take %s: up to %d of them at once", plain(s.gap), plain(s.Timeout), at),
			"overlap: skip, queue or replace keeps them apart; or a shorter timeout")
	}
	if s.Jitter > s.gap {
		c.found(s, WideJitter, "schedule", fmt.Sprintf("jitter is wider than the %s between due times: runs may start in another order than they were due", plain(s.gap)), "")
	}
}

// plain writes a duration without what is zero.
func plain(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// many is how many runs at once are more than anybody wants to catch up.
const many = 1000

// catchUp finds windows that could hold thousands of missed due times.
func (c *checker) catchUp(s *subject) {
	if s.CatchUp.Policy != job.CatchUpAll || s.gap == 0 || s.CatchUp.Window < many*s.gap {
		return
	}
	from := c.now
	for range many {
		due, ok := s.plain.Next(from)
		if !ok || due.Sub(c.now) > s.CatchUp.Window {
			return
		}
		from = due
	}
	n := int(s.CatchUp.Window / (from.Sub(c.now) / many))
	c.found(s, LongCatchUp, "catch_up", fmt.Sprintf("the window of %s holds about %d due times, and after an outage all of them are run", plain(s.CatchUp.Window), n),
		"policy: last runs one; or shorten the window")
}

// ahead is how long before its end a calendar is spoken of.
const ahead = 30 * 24 * time.Hour

// calendarEnds finds calendars that have no day any more, or soon.
func (c *checker) calendarEnds(s *subject) {
	for _, list := range []struct {
		field, then string
		all         []job.Calendar
	}{
		{"only_on", "after it the job does not run", s.OnlyOn},
		{"except_on", "after it nothing is left out", s.ExceptOn},
	} {
		for i, cal := range list.all {
			end, known := c.ends[cal.Name]
			if !known {
				end.last, end.ends = cal.Last()
				c.ends[cal.Name] = end
			}
			if end.ends && end.last.Before(c.now.Add(ahead)) {
				c.found(s, CalendarsLast, fmt.Sprintf("%s[%d]", list.field, i),
					fmt.Sprintf("the last day of calendar %s is %s: %s", cal.Name, end.last.Format(time.DateOnly), list.then), "add days, or a rule without end")
			}
		}
	}
}

package job

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Calendar is a named set of days, complete in itself: it travels with every
// job that uses it, so that any scheduler judges its due times alike.
type Calendar struct {
	Name string `json:"name"`

	// Days are dates and ranges with both ends, in order, with blanks
	// between: "2026-05-01 2026-12-24..2027-01-01".
	Days string `json:"days,omitempty"`

	// Rules add days without end.
	Rules []Rule `json:"rules,omitempty"`
}

// Rule is a recurrence rule of RFC 5545 over whole days.
type Rule struct {
	// RRule is the rule without COUNT, which becomes Days.
	RRule string `json:"rrule"`
	// From is the day the rule begins on, its DTSTART; empty: 1970-01-01.
	From string `json:"from,omitempty"`
	// Length is how many days each recurrence covers; zero means one.
	Length int `json:"length,omitzero"`
	// Except are first days of recurrences that do not take place, written
	// as Calendar.Days.
	Except string `json:"except,omitempty"`
}

// Blackout is a window of time in which nothing becomes due: either between
// two instants or every week on a wall clock. Its end does not belong to it.
type Blackout struct {
	Name string    `json:"name"`
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Weekly is "sat,sun 02:00..04:00", "daily 22:00..06:00" or
	// "fri 18:00..mon 06:00" on the clock of Timezone; empty: of the job's.
	Weekly   string `json:"weekly,omitempty"`
	Timezone string `json:"timezone,omitempty"`
}

// The years of a calendar: what four digits can write, from when anybody
// notes birthdays.
const (
	firstYear = 1900
	lastYear  = 9999
)

const secondsPerDay = 24 * 60 * 60

// day is a date, as days since 1970-01-01.
type day int32

func dayOf(year int, month time.Month, dom int) day {
	return day(time.Date(year, month, dom, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

// localDay is the date that the wall clock at's zone shows.
func localDay(at time.Time) day {
	_, offset := at.Zone()
	local := at.Unix() + int64(offset)
	d := local / secondsPerDay
	if local%secondsPerDay < 0 {
		d--
	}
	return day(d)
}

func (d day) time() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

func (d day) String() string { return d.time().Format(time.DateOnly) }

// parseDay reads 2026-12-24.
func parseDay(text string) (d day, ok bool) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil || at.Year() < firstYear {
		return 0, false
	}
	return dayOf(at.Date()), true
}

// days is a range of dates with both its ends.
type days struct{ first, last day }

func (s days) String() string {
	if s.first == s.last {
		return s.first.String()
	}
	return s.first.String() + ".." + s.last.String()
}

// parseDays reads a date or a range of two, or says what is wrong with it.
func parseDays(text string) (s days, message, hint string) {
	const form = "a date, 2026-12-24, or a range with both ends, 2026-12-24..2027-01-01"
	first, last, found := strings.Cut(text, "..")
	if !found {
		last = first
	}
	for _, end := range []struct {
		text string
		into *day
	}{{first, &s.first}, {last, &s.last}} {
		end.text = strings.TrimSpace(end.text)
		d, ok := parseDay(end.text)
		switch _, err := time.Parse("2006-1-2", end.text); {
		case ok:
			*end.into = d
		case err == nil:
			return s, fmt.Sprintf("%q is not written as a calendar's dates are", end.text), fmt.Sprintf("four digits for the year, from %d on, and two each for month and day", firstYear)
		case strings.Contains(err.Error(), "out of range"):
			return s, fmt.Sprintf("there is no day %s", end.text), ""
		default:
			return s, fmt.Sprintf("%q is not a day", text), form
		}
	}
	if s.last < s.first {
		return s, fmt.Sprintf("the range %s runs backwards", text), "put the earlier day first"
	}
	return s, "", ""
}

// join sorts ranges and makes one of those that touch.
func join(all []days) []days {
	slices.SortFunc(all, func(a, b days) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last)) })
	var joined []days
	for _, s := range all {
		if n := len(joined); n > 0 && s.first <= joined[n-1].last+1 {
			joined[n-1].last = max(joined[n-1].last, s.last)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// formatDays writes ranges as Calendar.Days.
func formatDays(all []days) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = s.String()
	}
	return strings.Join(words, " ")
}

// readDays reads what formatDays wrote.
func readDays(text string) ([]days, error) {
	var all []days
	for word := range strings.FieldsSeq(text) {
		s, message, _ := parseDays(word)
		if message != "" {
			return nil, fmt.Errorf("%s", message)
		}
		all = append(all, s)
	}
	return join(all), nil
}

// covers reports whether d lies in one of joined ranges.
func covers(joined []days, d day) bool {
	i, found := slices.BinarySearchFunc(joined, d, func(s days, d day) int { return cmp.Compare(s.first, d) })
	return found || i > 0 && d <= joined[i-1].last
}

// size is how many bytes c takes in a record, of which all are plain ASCII.
func (c Calendar) size() int {
	const around = 80 // names of fields
	size := around + len(c.Name) + len(c.Days)
	for _, r := range c.Rules {
		size += around + len(r.RRule) + len(r.From) + len(r.Except)
	}
	return size
}

// calendar is a Calendar made ready to be asked.
type calendar struct {
	fixed []days
	rules []*rule

	// years are the days of rules, one bit each from 1 January, of the years
	// asked for lately.
	years map[int]yearDays
}

type yearDays [6]uint64

const maxYears = 8

// compile makes c ready to be asked.
func (c Calendar) compile() (*calendar, error) {
	fixed, err := readDays(c.Days)
	if err != nil {
		return nil, fmt.Errorf("reading the days of calendar %s: %w", c.Name, err)
	}
	compiled := &calendar{fixed: fixed}
	for _, r := range c.Rules {
		made, wrong := r.compile()
		if wrong != nil {
			return nil, fmt.Errorf("reading a rule of calendar %s: %w", c.Name, wrong)
		}
		compiled.rules = append(compiled.rules, made)
	}
	return compiled, nil
}

// has reports whether d is one of the calendar's days.
func (c *calendar) has(d day) bool {
	if covers(c.fixed, d) {
		return true
	}
	if len(c.rules) == 0 {
		return false
	}
	at := d.time()
	marks, known := c.years[at.Year()]
	if !known {
		for _, r := range c.rules {
			r.mark(at.Year(), &marks)
		}
		if c.years == nil || len(c.years) >= maxYears {
			c.years = map[int]yearDays{}
		}
		c.years[at.Year()] = marks
	}
	n := at.YearDay() - 1
	return marks[n/64]>>(n%64)&1 != 0
}

// Last is the last day of a calendar, at midnight UTC; false if it has days
// without end.
func (c Calendar) Last() (last time.Time, ends bool) {
	compiled, err := c.compile()
	if err != nil {
		return time.Time{}, false
	}
	end := day(math.MinInt32)
	if n := len(compiled.fixed); n > 0 {
		end = compiled.fixed[n-1].last
	}
	for _, r := range compiled.rules {
		if r.until.time().Year() == lastYear {
			return time.Time{}, false
		}
		end = max(end, r.until+r.length-1)
	}
	return end.time(), true
}

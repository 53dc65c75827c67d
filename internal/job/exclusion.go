package job

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Exclusions says which due times of a job are not run, and why: its
// calendars and blackouts made ready to be asked. A nil one excludes nothing.
// It remembers what it worked out, so it belongs to one goroutine.
type Exclusions struct {
	zone         *time.Location
	only, except []namedCalendar
	onlyReason   string
	windows      []*window
	reasons      []string // of windows
}

type namedCalendar struct {
	*calendar
	reason string
}

// The reasons for due times that are excluded begin with one of these, and
// end with the name of the calendar or the blackout.
const (
	ReasonCalendar = "calendar:"
	ReasonBlackout = "blackout:"
)

// Reason is why a due time is not run, empty if it is: "calendar:NAME" of a
// calendar in ExceptOn that has its date, or of those in OnlyOn, with commas
// between, when none has it; "blackout:NAME" of a window it lies in. The date
// is the one that the wall clock of the job's zone shows.
func (x *Exclusions) Reason(due time.Time) string {
	if x == nil {
		return ""
	}
	if len(x.only)+len(x.except) > 0 {
		d := localDay(due.In(x.zone))
		for _, c := range x.except {
			if c.has(d) {
				return c.reason
			}
		}
		if len(x.only) > 0 && !slices.ContainsFunc(x.only, func(c namedCalendar) bool { return c.has(d) }) {
			return x.onlyReason
		}
	}
	for i, w := range x.windows {
		if w.covers(due) {
			return x.reasons[i]
		}
	}
	return ""
}

// Calendars makes the calendars of many jobs ready, those that are equal only
// once. The zero value is ready to use, by one goroutine.
type Calendars struct {
	known map[string]compiledCalendar
	zones map[string]zoned
}

type compiledCalendar struct {
	source   Calendar
	compiled *calendar
	err      error
}

// maxKnown bounds what Calendars keeps. Jobs hold on to what they use.
const maxKnown = 1024

// Exclusions makes the calendars and blackouts of j ready; nil if it has none.
// zone is that of j's schedule (Schedule.Location). It lets j share the text
// of its calendars with other jobs.
func (cs *Calendars) Exclusions(j *Job, zone *time.Location) (*Exclusions, error) {
	if len(j.OnlyOn)+len(j.ExceptOn)+len(j.Blackouts) == 0 {
		return nil, nil
	}
	x := &Exclusions{zone: zone}
	var err error
	if j.OnlyOn, x.only, err = cs.ready(j.OnlyOn); err != nil {
		return nil, err
	}
	if j.ExceptOn, x.except, err = cs.ready(j.ExceptOn); err != nil {
		return nil, err
	}
	names := make([]string, len(j.OnlyOn))
	for i, c := range j.OnlyOn {
		names[i] = c.Name
	}
	x.onlyReason = ReasonCalendar + strings.Join(names, ",")
	for _, b := range j.Blackouts {
		w, err := cs.window(b, zone)
		if err != nil {
			return nil, fmt.Errorf("reading blackout %s: %w", b.Name, err)
		}
		x.windows, x.reasons = append(x.windows, w), append(x.reasons, ReasonBlackout+b.Name)
	}
	return x, nil
}

// ready returns the calendars with their text shared, and made ready.
func (cs *Calendars) ready(all []Calendar) ([]Calendar, []namedCalendar, error) {
	if len(all) == 0 {
		return all, nil, nil
	}
	shared, ready := make([]Calendar, len(all)), make([]namedCalendar, len(all))
	for i, c := range all {
		known := cs.compile(c)
		if known.err != nil {
			return nil, nil, known.err
		}
		shared[i], ready[i] = known.source, namedCalendar{known.compiled, ReasonCalendar + c.Name}
	}
	return shared, ready, nil
}

// window makes a blackout ready for a job in local.
func (cs *Calendars) window(b Blackout, local *time.Location) (*window, error) {
	if b.Weekly == "" {
		return &window{from: b.From.Unix(), to: b.To.Unix()}, nil
	}
	week, message, _ := parseWeekly(b.Weekly)
	if message != "" {
		return nil, fmt.Errorf("%s", message)
	}
	if b.Timezone != "" {
		z, known := cs.zones[b.Timezone]
		if !known {
			z = loadZone(b.Timezone)
			if cs.zones == nil {
				cs.zones = map[string]zoned{}
			}
			cs.zones[b.Timezone] = z
		}
		if z.message != "" {
			return nil, fmt.Errorf("%s", z.message)
		}
		local = z.location
	}
	return &window{week: week, zone: local}, nil
}

func (cs *Calendars) compile(c Calendar) compiledCalendar {
	var key strings.Builder
	fmt.Fprintf(&key, "%s\n%s", c.Name, c.Days)
	for _, r := range c.Rules {
		fmt.Fprintf(&key, "\n%s\n%s\n%d\n%s", r.RRule, r.From, r.Length, r.Except)
	}
	known, ok := cs.known[key.String()]
	if !ok {
		known.source = c
		known.compiled, known.err = c.compile()
		if cs.known == nil || len(cs.known) >= maxKnown {
			cs.known = map[string]compiledCalendar{}
		}
		cs.known[key.String()] = known
	}
	return known
}

// calendarList is a field of a job that names calendars.
type calendarList struct {
	field string
	all   []Calendar
}

func (j Job) calendars() []calendarList {
	return []calendarList{{"only_on", j.OnlyOn}, {"except_on", j.ExceptOn}}
}

// calendarsOf checks what j says of its days.
func (c *checker) calendarsOf(j Job) {
	for _, list := range j.calendars() {
		if len(list.all) > maxCalendars {
			c.fail(list.field, fmt.Sprintf("names %d calendars, more than %d", len(list.all), maxCalendars), "")
			continue
		}
		for i, cal := range list.all {
			field := fmt.Sprintf("%s[%d]", list.field, i)
			c.calendarName(field, cal.Name, "calendar")
			if len(cal.Rules) > maxRules {
				c.fail(field, fmt.Sprintf("has %d rules, more than %d", len(cal.Rules), maxRules), "write dates")
				continue
			}
			if known := c.calendars.compile(cal); known.err != nil {
				c.fail(field, known.err.Error(), "")
			}
			same := func(other Calendar) bool { return other.Name == cal.Name }
			if slices.ContainsFunc(list.all[:i], same) {
				c.fail(field, fmt.Sprintf("%q is named twice", cal.Name), "")
			}
			if list.field == "except_on" && slices.ContainsFunc(j.OnlyOn, same) {
				c.fail(field, fmt.Sprintf("%q is in only_on, too, so that the job never runs", cal.Name), "keep one of them")
			}
		}
	}
	c.blackouts("blackouts", j.Blackouts)
}

// calendarName checks a name that is to stand in the ledger's reasons.
func (c *checker) calendarName(field, name, what string) {
	switch {
	case name == "":
		c.fail(field, "is missing", "the ledger gives it as the reason for what is skipped")
	case !legal(name, "._-") || len(name) > maxCalendarName:
		c.fail(field, fmt.Sprintf("%q is not a name for a %s", name, what), fmt.Sprintf("letters, digits and . _ -, at most %d", maxCalendarName))
	}
}

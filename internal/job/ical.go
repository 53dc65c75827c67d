package job

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ical reads the days of an iCalendar file (RFC 5545): those of its events,
// which must last whole days. It is read here and not by a library because
// what is wrong with it must be said with its line.
type ical struct {
	source   *source
	problems []Problem

	inside []string // the components that the line stands in
	event  *event
	events []*event
}

// event is one VEVENT as far as it says which days it covers.
type event struct {
	line            int
	uid             string
	start, end      day
	hasStart        bool
	length          int // of DURATION; zero: none
	hasEnd          bool
	rule            string
	ruleLine        int
	more, except    []days // RDATE, EXDATE
	instead         day    // RECURRENCE-ID
	isInstead, gone bool
}

// maxICalProblems keeps a file of another kind from burying everything else.
const maxICalProblems = 20

// readICal returns the days and rules of an iCalendar file.
func readICal(s *source) (fixed []days, rules []Rule, problems []Problem) {
	c := &ical{source: s}
	first := strings.TrimSpace(s.lines[0])
	if !strings.EqualFold(first, "BEGIN:VCALENDAR") {
		c.fail(1, "the file is no iCalendar file", "it would begin with BEGIN:VCALENDAR")
		return nil, nil, c.problems
	}
	for i := 0; i < len(s.lines) && len(c.problems) < maxICalProblems; {
		line, number := s.lines[i], i+1
		var folded strings.Builder
		folded.WriteString(line)
		for i++; i < len(s.lines) && s.lines[i] != "" && strings.ContainsAny(s.lines[i][:1], " \t"); i++ {
			folded.WriteString(s.lines[i][1:])
		}
		if strings.TrimSpace(line) != "" {
			c.line(number, folded.String())
		}
	}
	if len(c.inside) > 0 && len(c.problems) == 0 {
		c.fail(len(s.lines), "the file ends inside "+c.inside[len(c.inside)-1], "is it cut off?")
	}
	if len(c.events) == 0 && len(c.problems) == 0 {
		c.fail(1, "the calendar has no events", "each VEVENT gives days")
	}
	if len(c.problems) > 0 {
		return nil, nil, c.problems
	}
	fixed, rules = c.collect()
	return fixed, rules, c.problems
}

func (c *ical) fail(line int, message, hint string) {
	c.problems = append(c.problems, c.source.problem(place{line: line, column: 1}, "", message, hint))
}

// line takes one line, unfolded.
func (c *ical) line(number int, text string) {
	name, params, value, ok := cutProperty(text)
	if !ok {
		c.fail(number, "the line is not a property", "NAME:value; a line that goes on begins with a blank")
		return
	}
	value = strings.TrimSpace(value)
	switch name {
	case "BEGIN":
		c.inside = append(c.inside, strings.ToUpper(value))
		if len(c.inside) > maxDepth {
			c.fail(number, "components nest too deep", "")
			c.inside = c.inside[:1]
		}
		if strings.EqualFold(value, "VEVENT") && len(c.inside) == 2 {
			c.event = &event{line: number}
		}
		return
	case "END":
		last := len(c.inside) - 1
		if last < 0 || c.inside[last] != strings.ToUpper(value) {
			c.fail(number, "END:"+value+" ends nothing that began", "is the file cut off?")
			return
		}
		if last == 1 && c.event != nil {
			c.finish()
		}
		c.inside = c.inside[:last]
		return
	}
	if len(c.inside) == 2 && c.event != nil {
		c.property(number, name, params, value)
	}
}

// cutProperty splits NAME;PARAM=x:value. Colons in quotes separate nothing.
func cutProperty(text string) (name, params, value string, ok bool) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ':' && !quoted:
			name, params, _ = strings.Cut(text[:i], ";")
			return strings.ToUpper(name), strings.ToUpper(params), text[i+1:], legal(name, "-")
		}
	}
	return "", "", "", false
}

func (c *ical) property(number int, name, params, value string) {
	e := c.event
	switch name {
	case "UID":
		e.uid = value
	case "STATUS":
		e.gone = strings.EqualFold(value, "CANCELLED")
	case "DTSTART":
		e.start, e.hasStart = c.date(number, value)
	case "DTEND":
		e.end, e.hasEnd = c.date(number, value)
	case "DURATION":
		e.length = c.duration(number, value)
	case "RRULE":
		if e.rule != "" {
			c.fail(number, "a second RRULE in one event", "make two events of it")
		}
		e.rule, e.ruleLine = value, number
	case "EXRULE":
		c.fail(number, "EXRULE is not known to Belfry", "write EXDATE")
	case "RDATE", "EXDATE":
		for text := range strings.SplitSeq(value, ",") {
			d, ok := c.date(number, text)
			switch {
			case !ok:
				return
			case name == "RDATE":
				e.more = append(e.more, days{d, d})
			default:
				e.except = append(e.except, days{d, d})
			}
		}
	case "RECURRENCE-ID":
		if strings.Contains(params, "RANGE=") {
			c.fail(number, "RANGE is not known to Belfry", "end the event with UNTIL and begin another")
		}
		e.instead, e.isInstead = c.date(number, value)
	}
}

// date reads a whole day. Midnight on a clock without a zone of its own, as
// some programs write it, is one.
func (c *ical) date(number int, value string) (day, bool) {
	text := strings.TrimSuffix(value, "T000000")
	at, err := time.Parse("20060102", text)
	switch {
	case err == nil && at.Year() >= firstYear:
		return dayOf(at.Date()), true
	case err == nil:
		c.fail(number, fmt.Sprintf("%q is out of range", value), fmt.Sprintf("years %d to %d", firstYear, lastYear))
	case len(value) > 8 && value[8] == 'T':
		c.fail(number, fmt.Sprintf("%q is a time, and a calendar holds whole days", value), "write VALUE=DATE:20261225; times belong into blackouts")
	default:
		c.fail(number, fmt.Sprintf("%q is not a day", value), "for example VALUE=DATE:20261225")
	}
	return 0, false
}

// duration reads P3D or P1W.
func (c *ical) duration(number int, value string) int {
	unit := 0
	switch {
	case strings.HasSuffix(value, "D"):
		unit = 1
	case strings.HasSuffix(value, "W"):
		unit = 7
	}
	n, err := strconv.Atoi(strings.TrimPrefix(value[:max(len(value)-1, 0)], "P"))
	if unit == 0 || err != nil || n < 1 || n > maxLength || value[0] != 'P' {
		c.fail(number, fmt.Sprintf("%q is not a number of days", value), fmt.Sprintf("for example P3D, at most P%dD", maxLength))
		return 0
	}
	return n * unit
}

// finish ends an event and finds what it lacks.
func (c *ical) finish() {
	e := c.event
	c.event = nil
	switch {
	case !e.hasStart:
		if len(c.problems) == 0 {
			c.fail(e.line, "the event has no DTSTART", "")
		}
		return
	case e.hasEnd && e.end > e.start:
		e.end-- // DTEND is the day after the last
	case e.hasEnd && e.end < e.start:
		c.fail(e.line, "the event ends before it begins", "")
		return
	case e.length > 0:
		e.end = e.start + day(e.length) - 1
	default:
		e.end = e.start
	}
	if e.rule != "" && e.end-e.start >= maxLength {
		c.fail(e.line, fmt.Sprintf("an event that recurs lasts more than %d days", maxLength), "")
		return
	}
	c.events = append(c.events, e)
}

// collect makes days and rules of the events. One with a RECURRENCE-ID takes
// the place of a recurrence of the event with its UID.
func (c *ical) collect() (fixed []days, rules []Rule) {
	moved := map[string][]days{}
	for _, e := range c.events {
		if e.isInstead {
			moved[e.uid] = append(moved[e.uid], days{e.instead, e.instead})
		}
	}
	for _, e := range c.events {
		if e.gone {
			continue
		}
		except := e.except
		if !e.isInstead {
			except = append(except, moved[e.uid]...)
		}
		except = join(except)
		for _, s := range append([]days{{e.start, e.start}}, e.more...) {
			if !covers(except, s.first) {
				fixed = append(fixed, days{s.first, s.first + e.end - e.start})
			}
		}
		if e.rule == "" {
			continue
		}
		made, wrong := parseRule(e.rule, e.start, true)
		if wrong != nil {
			c.fail(e.ruleLine, wrong.message, wrong.hint)
			continue
		}
		made.length, made.except = e.end-e.start+1, except
		if made.count > 0 {
			fixed = append(fixed, made.counted()...)
			continue
		}
		rule := Rule{RRule: made.text, From: e.start.String(), Except: formatDays(except)}
		if made.length > 1 {
			rule.Length = int(made.length)
		}
		rules = append(rules, rule)
	}
	return fixed, rules
}

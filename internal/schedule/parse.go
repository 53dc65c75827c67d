package schedule

import (
	"math/bits"
	"strconv"
	"strings"
)

// field is one column of an expression.
type field struct {
	name   string
	lo, hi int
	count  int      // of different values; 7 and 0 are one day
	spread int      // the highest value H and an open ~ pick by themselves
	first  int      // value of the first name
	names  []string // three letters, as cron has them
}

func fieldSecond() field { return field{name: "second", hi: 59, count: 60, spread: 59} }
func fieldMinute() field { return field{name: "minute", hi: 59, count: 60, spread: 59} }
func fieldHour() field   { return field{name: "hour", hi: 23, count: 24, spread: 23} }

// H stays within the days that every month has.
func fieldDom() field {
	return field{name: "day of month", lo: 1, hi: 31, count: 31, spread: 28}
}

func fieldMonth() field {
	return field{
		name: "month", lo: 1, hi: 12, count: 12, spread: 12, first: 1,
		names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"},
	}
}

// The range goes to 7, as LAST_DOW in cron.h: */2 is 0, 2, 4, 6 and */7 is
// Sunday alone.
func fieldDow() field {
	return field{
		name: "day of week", hi: 7, count: 7, spread: 6,
		names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"},
	}
}

// parser reads the items of one field into a spec.
type parser struct {
	field
	spec *spec
	key  string
	item int // place in the list: two H of one field differ

	set  uint64 // the plain values so far
	star bool
}

func (s *Schedule) parseFields(fields []token, o Options) *Error {
	second := token{text: "0"}
	switch {
	case len(fields) == 6 && o.Seconds:
		second, fields = fields[0], fields[1:]
	case len(fields) > 5:
		return tooMany(fields, o)
	case len(fields) < 5:
		return tooFew(fields)
	}
	sp := &s.spec
	for _, c := range []struct {
		field field
		token token
		store func(set uint64, star bool)
	}{
		{fieldSecond(), second, func(set uint64, _ bool) { sp.sec = set }},
		{fieldMinute(), fields[0], func(set uint64, star bool) { sp.min = set; sp.mark(starMin, star) }},
		{fieldHour(), fields[1], func(set uint64, star bool) { sp.hour = uint32(set); sp.mark(starHour, star) }},
		{fieldDom(), fields[2], func(set uint64, star bool) { sp.dom = uint32(set); sp.mark(starDom, star) }},
		{fieldMonth(), fields[3], func(set uint64, _ bool) { sp.month = uint16(set) }},
		{fieldDow(), fields[4], func(set uint64, star bool) {
			sp.dow = uint8(set|set>>7) & everyDow // 7 is Sunday as 0 is
			sp.mark(starDow, star)
		}},
	} {
		p := parser{field: c.field, spec: sp, key: o.Key}
		if err := p.list(c.token); err != nil {
			return err
		}
		c.store(p.set, p.star)
	}
	sp.normalise()
	sp.seal()
	if _, ok := sp.nextDay(0); !ok {
		return never(fields)
	}
	return nil
}

func (s *spec) mark(which star, on bool) {
	if on {
		s.stars |= which
	}
}

// normalise drops what adds nothing, so that equal schedules are equal specs.
func (s *spec) normalise() {
	if s.dom == everyDom {
		s.lastBefore, s.nearest, s.lastWeekday = 0, 0, false
	}
	for dow := range 7 {
		if s.dow>>dow&1 != 0 {
			s.nth &^= 0b11111 << (5 * dow)
			s.lastDow &^= 1 << dow
		}
	}
}

func never(fields []token) *Error {
	first, last := fields[2], fields[4]
	hint := "there is no such day in these months, as 30 February; L is the last day of any month"
	if strings.ContainsAny(first.text, "Ww") {
		hint = "there is no such day in these months, as 31 April; LW is the last day from Monday to Friday of any month"
	}
	return &Error{
		Pos: first.pos, Len: last.pos + len(last.text) - first.pos,
		Msg:  "no date ever matches this day and month",
		Hint: hint,
	}
}

func tooFew(fields []token) *Error {
	last := fields[len(fields)-1]
	return &Error{
		Pos:  last.pos + len(last.text),
		Msg:  "an expression has 5 fields, this has " + strconv.Itoa(len(fields)),
		Hint: "minute hour day-of-month month day-of-week",
	}
}

func tooMany(fields []token, o Options) *Error {
	last := fields[len(fields)-1]
	err := &Error{Pos: fields[5].pos, Len: last.pos + len(last.text) - fields[5].pos}
	switch {
	case o.Seconds:
		err.Pos = fields[6].pos
		err.Len = last.pos + len(last.text) - err.Pos
		err.Msg = "an expression with seconds has 6 fields, this has " + strconv.Itoa(len(fields))
		err.Hint = "second minute hour day-of-month month day-of-week"
	case (&parser{field: fieldDow(), spec: &spec{}}).list(fields[5]) != nil:
		err.Msg = strconv.Quote(fields[5].text) + " after the five fields"
		err.Hint = "a user or a command is not part of the schedule: give them to the job"
	case len(fields) == 6:
		err.Msg = "6 fields where cron has 5"
		err.Hint = "cron would take the first as the minute; if it is meant as the second, set seconds: true"
		if fields[0].text == "0" {
			err.Hint += ", or leave the 0 out"
		}
	default:
		err.Msg = "an expression has 5 fields, this has " + strconv.Itoa(len(fields))
		err.Hint = "minute hour day-of-month month day-of-week, and nothing after them"
	}
	return err
}

// list reads one field: items with commas between them.
func (p *parser) list(t token) *Error {
	p.star = t.text[0] == '*' || t.text[0] == '?'
	for start := 0; start <= len(t.text); p.item++ {
		end := start + strings.IndexByte(t.text[start:]+",", ',')
		item := t.sub(start, end)
		if item.text == "" {
			return &Error{Pos: item.pos, Msg: "an empty item in the list of the " + p.name, Hint: "remove the extra comma"}
		}
		if err := p.one(item); err != nil {
			return err
		}
		start = end + 1
	}
	return nil
}

// one reads an item.
func (p *parser) one(t token) *Error {
	body, step, err := p.step(t)
	if err != nil {
		return err
	}
	stepped := len(body.text) < len(t.text)
	switch {
	case body.text == "*":
		p.fill(p.lo, p.hi, step)
		return nil
	case body.text == "?":
		return p.question(t, stepped)
	case body.text[0] == 'H' || body.text[0] == 'h':
		return p.hashed(body, step, stepped)
	}
	if done, err := p.special(t); done || err != nil {
		return err
	}
	if i := strings.IndexByte(body.text, '~'); i >= 0 {
		if stepped {
			return t.fail("H/15 is a step that begins at a random place", "~ takes no step")
		}
		return p.random(body, i)
	}
	return p.span(t, body, step, stepped)
}

// step cuts the /n off an item; without one the step is 1.
func (p *parser) step(t token) (body token, step int, err *Error) {
	i := strings.IndexByte(t.text, '/')
	if i < 0 {
		return t, 1, nil
	}
	if i == 0 {
		return t, 0, t.fail("write */n for every n-th", "a step of the %s without what it steps through", p.name)
	}
	n := t.sub(i+1, len(t.text))
	step, ok := number(n.text)
	if !ok || step < 1 {
		return t, 0, n.fail("a whole number from 1", "%q is not a step", n.text)
	}
	if step > p.count {
		hint := "write the one value that is meant, or use @every for an interval longer than the field"
		return t, 0, n.fail(hint, "a step of %d is more than the %d values of the %s", step, p.count, p.name)
	}
	return t.sub(0, i), step, nil
}

// question is Quartz's ?, which says no more than * does.
func (p *parser) question(t token, stepped bool) *Error {
	if !strings.HasPrefix(p.name, "day") {
		return t.fail("write *", "? stands only for a day of month or a day of week")
	}
	if stepped {
		return t.fail("write *", "? takes no step")
	}
	p.fill(p.lo, p.hi, 1)
	return nil
}

// span reads a value or a range.
func (p *parser) span(t, body token, step int, stepped bool) *Error {
	i := strings.IndexByte(body.text, '-')
	if i < 0 {
		v, err := p.value(body)
		if err != nil {
			return err
		}
		if stepped {
			from := body.text
			if v == p.lo+p.count { // 7 is Sunday as 0 is
				from = "0"
			}
			return t.fail("a step needs a range: write "+from+"-"+strconv.Itoa(p.lo+p.count-1)+"/"+strconv.Itoa(step), "cron has no step after a single value")
		}
		p.fill(v, v, 1)
		return nil
	}
	lo, err := p.value(body.sub(0, i))
	if err != nil {
		return err
	}
	hi, err := p.value(body.sub(i+1, len(body.text)))
	if err != nil {
		return err
	}
	if hi == 0 && lo > 0 && p.name == "day of week" {
		hi = 7 // fri-sun, as cronie reads it
	}
	if lo > hi {
		return body.fail(p.unwrap(lo, hi, step), "the range %s of the %s runs backwards", body.text, p.name)
	}
	p.fill(lo, hi, step)
	return nil
}

// unwrap writes a range that goes over the end of its field as two, when
// that is the same thing.
func (p *parser) unwrap(lo, hi, step int) string {
	if step > 1 {
		return "list the values"
	}
	if lo == 7 && p.name == "day of week" {
		return "Sunday is 0, too; write 0-" + strconv.Itoa(hi)
	}
	write := func(a, b int) string {
		if a == b {
			return strconv.Itoa(a)
		}
		return strconv.Itoa(a) + "-" + strconv.Itoa(b)
	}
	return "cron's ranges do not go over the end; write " + write(lo, p.lo+p.count-1) + "," + write(p.lo, hi)
}

func (p *parser) fill(lo, hi, step int) {
	for v := lo; v <= hi; v += step {
		p.set |= 1 << v
	}
}

// value reads a number or a name.
func (p *parser) value(t token) (int, *Error) {
	if t.text == "" {
		return 0, &Error{Pos: t.pos, Msg: "a value of the " + p.name + " is missing", Hint: p.expected()}
	}
	lower := strings.ToLower(t.text)
	for i, name := range p.names {
		if lower == name {
			return p.first + i, nil
		}
	}
	v, ok := number(t.text)
	if !ok {
		hint := p.expected()
		if word := nearest(lower, p.names); word != "" {
			hint = "did you mean " + word + "?"
		}
		for _, name := range p.names {
			if strings.HasPrefix(lower, name) && onlyLetters(lower) {
				hint = "write " + name
			}
		}
		return 0, t.fail(hint, "%q is not a %s", t.text, p.name)
	}
	if v < p.lo || v > p.hi {
		return 0, t.fail(p.expected(), "%s is out of range for the %s", t.text, p.name)
	}
	return v, nil
}

// onlyLetters reports whether a word is of letters alone: a longer form of a
// name, as monday is, not several of them.
func onlyLetters(word string) bool { return strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" }

func (p *parser) expected() string {
	s := strconv.Itoa(p.lo) + " to " + strconv.Itoa(p.hi)
	if len(p.names) > 0 {
		s += ", or " + p.names[0] + " to " + p.names[len(p.names)-1]
	}
	return s
}

// number reads digits, at most nine.
func number(s string) (int, bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// only is the one value of a set, if it has one.
func only(set uint64) (int, bool) {
	return bits.TrailingZeros64(set), set != 0 && set&(set-1) == 0
}

package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// rule is a Rule made ready to be asked. The library walks a rule from its
// first day on; rule lets that walk begin near the year that is asked for.
type rule struct {
	text   string        // as a record has it: without a prefix, in capitals
	option rrule.ROption // without Dtstart and Until
	from   day
	until  day
	count  int
	length day
	except []days
}

// ruleError says what is wrong with a rule and where in its text: offset and
// length count bytes.
type ruleError struct {
	offset, length int
	message, hint  string
}

func (e *ruleError) Error() string { return e.message }

// compile makes the rule of a record ready.
func (r Rule) compile() (*rule, error) {
	from := day(0)
	if r.From != "" {
		var ok bool
		if from, ok = parseDay(r.From); !ok {
			return nil, fmt.Errorf("%q is not a day", r.From)
		}
	}
	made, wrong := parseRule(r.RRule, from, r.From != "")
	if wrong != nil {
		return nil, wrong
	}
	if made.count > 0 {
		return nil, fmt.Errorf("%q has a COUNT, which a record may not", r.RRule)
	}
	if r.Length < 0 || r.Length > maxLength {
		return nil, fmt.Errorf("a length of %d days is not from 0 to %d", r.Length, maxLength)
	}
	except, err := readDays(r.Except)
	if err != nil {
		return nil, err
	}
	made.length, made.except = day(max(r.Length, 1)), except
	return made, nil
}

const (
	// maxRule bounds a rule's text, maxCount the recurrences one may count
	// off, maxLength the days one may cover.
	maxRule   = 1024
	maxCount  = 1000
	maxLength = 366
	// maxInterval keeps a rule's next day within the years there are.
	maxInterval = 1000
)

// parseRule reads a recurrence rule whose first day is from; given says that
// somebody wrote that day, so that the rule may take parts from it.
func parseRule(text string, from day, given bool) (*rule, *ruleError) {
	p := &ruleParser{rule: rule{from: from, until: dayOf(lastYear, time.December, 31), length: 1}, seen: map[string]piece{}}
	p.option.Interval = 1
	if len(text) > maxRule {
		return nil, &ruleError{offset: maxRule, length: len(text) - maxRule, message: fmt.Sprintf("the rule is longer than %d characters", maxRule)}
	}
	if at := strings.IndexFunc(text, func(r rune) bool { return r > '~' }); at >= 0 {
		return nil, &ruleError{offset: at, length: 1, message: "a character that no rule has", hint: "letters, digits and = ; , - alone"}
	}
	offset := 0
	if prefix := "RRULE:"; len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
		offset = len(prefix)
	}
	p.text = strings.ToUpper(text[offset:])
	for part := range strings.SplitSeq(text[offset:], ";") {
		if wrong := p.part(piece{part, offset}); wrong != nil {
			return nil, wrong
		}
		offset += len(part) + 1
	}
	if wrong := p.fit(piece{text, 0}, given); wrong != nil {
		return nil, wrong
	}
	p.complete()
	return &p.rule, nil
}

// ruleParser is one call of parseRule.
type ruleParser struct {
	rule
	seen map[string]piece
}

// piece is a part of a rule's text and where it begins.
type piece struct {
	text   string
	offset int
}

func (p piece) fail(hint, format string, args ...any) *ruleError {
	return &ruleError{offset: p.offset, length: len(p.text), message: fmt.Sprintf(format, args...), hint: hint}
}

func ruleParts() []string {
	return []string{"FREQ", "INTERVAL", "UNTIL", "COUNT", "WKST", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYYEARDAY", "BYSETPOS", "BYEASTER"}
}

func (p *ruleParser) part(t piece) *ruleError {
	name, value, found := strings.Cut(t.text, "=")
	name = strings.ToUpper(name)
	v := piece{strings.ToUpper(value), t.offset + len(name) + 1}
	switch {
	case t.text == "":
		return t.fail("remove the extra semicolon, or write a rule such as FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25", "an empty part of the rule")
	case !found || value == "":
		return t.fail("a rule is parts NAME=VALUE with semicolons between, as FREQ=WEEKLY;BYDAY=SA,SU", "%q is not a part of a rule", t.text)
	}
	if _, twice := p.seen[name]; twice {
		return t.fail("", "%s is written twice", name)
	}
	p.seen[name] = t
	switch name {
	case "FREQ":
		return p.frequency(v)
	case "INTERVAL":
		return v.number(&p.option.Interval, maxInterval)
	case "COUNT":
		return v.number(&p.count, maxCount)
	case "UNTIL":
		return p.readUntil(v)
	case "WKST":
		days, wrong := v.weekdays(0)
		if wrong == nil && len(days) > 1 {
			return v.fail("", "a week has one first day")
		}
		if wrong == nil {
			p.option.Wkst = days[0]
		}
		return wrong
	case "BYMONTH":
		return v.numbers(&p.option.Bymonth, 12, false)
	case "BYMONTHDAY":
		return v.numbers(&p.option.Bymonthday, 31, true)
	case "BYYEARDAY":
		return v.numbers(&p.option.Byyearday, 366, true)
	case "BYSETPOS":
		return v.numbers(&p.option.Bysetpos, 366, true)
	case "BYEASTER":
		return v.easter(&p.option.Byeaster)
	case "BYDAY":
		days, wrong := v.weekdays(53)
		p.option.Byweekday = days
		return wrong
	case "BYHOUR", "BYMINUTE", "BYSECOND":
		return t.fail("the schedule says at what time", "%s has no place in a calendar, which is made of whole days", name)
	case "BYWEEKNO":
		return t.fail("write the dates, or BYYEARDAY", "%s is not known to Belfry", name)
	}
	return t.fail(didYouMean(name, ruleParts()), "%q is not a part of a rule", name)
}

func (p *ruleParser) frequency(v piece) *ruleError {
	known := []string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
	switch v.text {
	case "DAILY":
		p.option.Freq = rrule.DAILY
	case "WEEKLY":
		p.option.Freq = rrule.WEEKLY
	case "MONTHLY":
		p.option.Freq = rrule.MONTHLY
	case "YEARLY":
		p.option.Freq = rrule.YEARLY
	case "HOURLY", "MINUTELY", "SECONDLY":
		return v.fail("the schedule says at what time", "%s has no place in a calendar, which is made of whole days", v.text)
	default:
		return v.fail(didYouMean(v.text, known), "%q is not a frequency", v.text)
	}
	return nil
}

// readUntil takes a day; of an instant, as many programs write it, its date.
func (p *ruleParser) readUntil(v piece) *ruleError {
	at, err := time.Parse("20060102", v.text[:min(len(v.text), 8)])
	if err == nil && len(v.text) > 8 {
		_, err = time.Parse("20060102T150405", strings.TrimSuffix(v.text, "Z"))
	}
	if err != nil || at.Year() < firstYear {
		return v.fail("for example UNTIL=20301231", "%q is not a day", v.text)
	}
	p.until = dayOf(at.Date())
	return nil
}

// number reads a number from 1 to high.
func (p piece) number(into *int, high int) *ruleError {
	n, err := strconv.Atoi(p.text)
	if err != nil || n < 1 || n > high {
		return p.fail(fmt.Sprintf("1 to %d", high), "%q is out of place here", p.text)
	}
	*into = n
	return nil
}

// numbers reads a list of numbers from 1 to high or, if signed, also of their
// negatives.
func (p piece) numbers(into *[]int, high int, signed bool) *ruleError {
	offset := p.offset
	for text := range strings.SplitSeq(p.text, ",") {
		item := piece{text, offset}
		offset += len(text) + 1
		n, err := strconv.Atoi(text)
		size := n
		if signed && n < 0 {
			size = -n
		}
		if err != nil || size < 1 || size > high {
			expected := fmt.Sprintf("1 to %d", high)
			if signed {
				expected += fmt.Sprintf(", or -1 to -%d counted from the end", high)
			}
			return item.fail(expected, "%q is out of place here", text)
		}
		*into = append(*into, n)
	}
	return nil
}

// easter reads days counted from Easter Sunday. The bounds keep to its year.
func (p piece) easter(into *[]int) *ruleError {
	const before, after = -80, 250
	offset := p.offset
	for text := range strings.SplitSeq(p.text, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < before || n > after {
			return piece{text, offset}.fail(fmt.Sprintf("days from Easter Sunday, %d to %d: -2 is Good Friday, 39 Ascension Day", before, after), "%q is out of place here", text)
		}
		*into = append(*into, n)
		offset += len(text) + 1
	}
	return nil
}

// weekdays reads MO,TU or, if places is not zero, 1MO,-1FR.
func (p piece) weekdays(places int) ([]rrule.Weekday, *ruleError) {
	names := []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}
	all := []rrule.Weekday{rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU}
	var out []rrule.Weekday
	offset := p.offset
	for text := range strings.SplitSeq(p.text, ",") {
		item := piece{text, offset}
		offset += len(text) + 1
		cut := max(len(text)-2, 0)
		i := slices.Index(names, text[cut:])
		if i < 0 {
			return nil, item.fail("MO, TU, WE, TH, FR, SA or SU", "%q is not a day of the week", text)
		}
		n := 0
		if cut > 0 {
			var err error
			n, err = strconv.Atoi(text[:cut])
			if err != nil || n == 0 || max(n, -n) > places {
				return nil, item.fail("1MO is the first Monday, -1FR the last Friday", "%q is not a day of the week", text)
			}
		}
		out = append(out, all[i].Nth(n))
	}
	return out, nil
}

// fit refuses parts that do not go together, and what would silently be taken
// from a first day that nobody wrote.
func (p *ruleParser) fit(whole piece, given bool) *ruleError {
	o := &p.option
	if _, ok := p.seen["FREQ"]; !ok {
		return whole.fail("for example FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25", "the rule has no FREQ")
	}
	furthest, plain := 0, false
	for _, d := range o.Byweekday {
		furthest = max(furthest, d.N(), -d.N())
		plain = plain || d.N() == 0
	}
	for _, c := range []struct {
		wrong         bool
		part, message string
		hint          string
	}{
		{furthest > 0 && o.Freq > rrule.MONTHLY, "BYDAY", "1MO and the like need FREQ=MONTHLY or FREQ=YEARLY", ""},
		{furthest > 0 && plain, "BYDAY", "days with and without a place do not go together", "write a rule for each"},
		{furthest > 5 && (o.Freq == rrule.MONTHLY || len(o.Bymonth) > 0), "BYDAY", "a month has at most five of each day of the week", ""},
		{len(o.Bymonthday) > 0 && o.Freq == rrule.WEEKLY, "BYMONTHDAY", "does not go with FREQ=WEEKLY", "use FREQ=MONTHLY"},
		{len(o.Byyearday) > 0 && o.Freq != rrule.YEARLY, "BYYEARDAY", "needs FREQ=YEARLY", ""},
		{len(o.Byeaster) > 0 && o.Freq != rrule.YEARLY, "BYEASTER", "needs FREQ=YEARLY", ""},
		{len(o.Bysetpos) > 0 && len(o.Bymonth)+len(o.Bymonthday)+len(o.Byweekday)+len(o.Byyearday)+len(o.Byeaster) == 0, "BYSETPOS", "picks from the days of another part", "for example BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"},
		{p.count > 0 && p.seen["UNTIL"].text != "", "UNTIL", "does not go with COUNT", "keep one of them"},
	} {
		if c.wrong {
			at := p.seen[c.part]
			return at.fail(c.hint, "%s", c.message)
		}
	}
	if p.until < p.from {
		return p.seen["UNTIL"].fail("", "the rule ends before it begins, on %s", p.from)
	}
	if given {
		return nil
	}
	const write = "say from which day on, as in from: 2026-01-02"
	switch {
	case o.Interval > 1:
		return p.seen["INTERVAL"].fail(write, "every %d of what, counted from when?", o.Interval)
	case p.count > 0:
		return p.seen["COUNT"].fail(write, "%d times, counted from when?", p.count)
	case p.openDay():
		return whole.fail("add BYDAY, BYMONTHDAY or the like, or "+write, "the rule does not say which day it is")
	}
	return nil
}

// openDay reports whether the rule takes its day from its first one.
func (p *ruleParser) openDay() bool {
	o := &p.option
	return o.Freq != rrule.DAILY && len(o.Bymonthday)+len(o.Byweekday)+len(o.Byyearday)+len(o.Byeaster) == 0
}

// complete writes out what the rule takes from its first day, so that it may
// be walked from another.
func (p *ruleParser) complete() {
	if !p.openDay() {
		return
	}
	o, from := &p.option, p.from.time()
	switch o.Freq {
	case rrule.WEEKLY:
		o.Byweekday = []rrule.Weekday{[]rrule.Weekday{rrule.SU, rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA}[from.Weekday()]}
	case rrule.YEARLY:
		if len(o.Bymonth) == 0 {
			o.Bymonth = []int{int(from.Month())}
		}
		o.Bymonthday = []int{from.Day()}
	case rrule.MONTHLY:
		o.Bymonthday = []int{from.Day()}
	case rrule.DAILY, rrule.HOURLY, rrule.MINUTELY, rrule.SECONDLY:
	}
}

// walk calls visit with the first day of each recurrence from low to high, in
// order, until it returns false.
func (r *rule) walk(low, high day, visit func(day) bool) {
	low, high = max(low, r.from), min(high, r.until)
	if low > high {
		return
	}
	option := r.option
	option.Dtstart, option.Until = r.startBefore(low).time(), high.time()
	made, err := rrule.NewRRule(option)
	if err != nil {
		return // bounds that parseRule has checked
	}
	next := made.Iterator()
	for at, ok := next(); ok; at, ok = next() {
		d := day(at.Unix() / secondsPerDay)
		if at.Unix() < 0 {
			d = dayOf(at.Date())
		}
		if d >= low && !covers(r.except, d) && !visit(d) {
			return
		}
	}
}

// startBefore is a day not after low, nor long before it, from which the rule
// may be walked with the same days to follow from its own first day on.
func (r *rule) startBefore(low day) day {
	n := r.option.Interval
	from, at := r.from.time(), low.time()
	start := r.from
	switch r.option.Freq {
	case rrule.DAILY:
		start += (low - r.from) / day(n) * day(n)
	case rrule.WEEKLY:
		// Weeks are counted from the one the first day lies in, and begin with
		// their first day: the library would count BYSETPOS from another.
		first := r.from - day((int(from.Weekday())+6-r.option.Wkst.Day())%7)
		return first + (low-first)/day(7*n)*day(7*n)
	case rrule.MONTHLY:
		months := (at.Year()-from.Year())*12 + int(at.Month()) - int(from.Month())
		start = dayOf(from.Year(), from.Month()+time.Month(months/n*n), 1)
	case rrule.YEARLY:
		start = dayOf(from.Year()+(at.Year()-from.Year())/n*n, time.January, 1)
	case rrule.HOURLY, rrule.MINUTELY, rrule.SECONDLY:
	}
	return max(start, r.from)
}

// mark sets the bits of the rule's days in a year.
func (r *rule) mark(year int, into *yearDays) {
	first, last := dayOf(year, time.January, 1), dayOf(year, time.December, 31)
	r.walk(first-(r.length-1), last, func(d day) bool {
		for at := max(d, first); at < d+r.length && at <= last; at++ {
			n := at - first
			into[n/64] |= 1 << (n % 64)
		}
		return true
	})
}

// counted returns the days of a rule that counts its recurrences.
func (r *rule) counted() []days {
	var all []days
	left := r.count
	uncut := *r
	uncut.except = nil
	uncut.walk(r.from, r.until, func(d day) bool {
		if !covers(r.except, d) {
			all = append(all, days{d, d + r.length - 1})
		}
		left--
		return left > 0
	})
	return join(all)
}

// comes reports whether the rule names any day at all.
func (r *rule) comes() bool {
	found := false
	r.walk(r.from, r.until, func(day) bool { found = true; return false })
	return found
}

package lint

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// expression looks at how a schedule is written.
func (c *checker) expression(s *subject) {
	if len(s.fields) == 0 {
		return
	}
	c.seconds(s)
	c.everyMinute(s)
	c.eitherDay(s)
	c.quartzDay(s)
	c.steps(s)
}

// seconds finds a sixth field that fires again and again within a minute that
// was picked, and one that is not there.
func (c *checker) seconds(s *subject) {
	if !s.Seconds {
		return
	}
	if len(s.words) == 5 {
		c.found(s, Seconds, "schedule", "seconds: true, but the expression has five fields: the first is the minute",
			"leave seconds out, or put the second in front: 0 "+strings.TrimSpace(s.Schedule))
		return
	}
	n := bits.OnesCount64(expand(s.fields[second], 0, 59))
	if w, ok := s.column(second); ok && n > 1 && s.fields[minute] != "*" {
		c.foundIn(s, Seconds, "schedule", w, fmt.Sprintf("due %d times within each minute that matches", n),
			"the first field is the second; write 0 for once a minute")
	}
}

// everyMinute finds the minute that was left at a star when an hour was set.
func (c *checker) everyMinute(s *subject) {
	w, ok := s.column(minute)
	hours := expand(s.fields[hour], 0, 23)
	if !ok || s.fields[minute] != "*" || bits.OnesCount64(hours) != 1 {
		return
	}
	at := bits.TrailingZeros64(hours)
	c.foundIn(s, EveryMinute, "schedule", w, fmt.Sprintf("due 60 times, every minute from %02d:00 to %02d:59", at, at),
		"write 0 as the minute for once, or */5 for every five")
}

// eitherDay finds two day fields that are joined by or.
func (c *checker) eitherDay(s *subject) {
	dom, ok := s.column(dayOfMonth)
	dow, both := s.column(dayOfWeek)
	starred := func(field string) bool { return field[0] == '*' }
	if !ok || !both || starred(s.fields[dayOfMonth]) || starred(s.fields[dayOfWeek]) {
		return
	}
	hint := "for a weekday of a place in the month write 5#2; to have both, let the command test one"
	words := strings.TrimPrefix(s.plain.Describe(), "at ")
	if _, days, found := strings.Cut(words, " on "); found {
		words = "on " + days
	} else {
		words = "on every day"
	}
	part := word{s.Schedule[dom.offset : dow.offset+len(dow.text)], dom.offset}
	c.foundIn(s, EitherDay, "schedule", part, fmt.Sprintf("with both day fields set, either one will do: due %s", words), hint)
}

// quartzDay finds a number for a day of the week beside Quartz's question
// mark: there 2 is Monday.
func (c *checker) quartzDay(s *subject) {
	w, ok := s.column(dayOfWeek)
	dom, _ := s.column(dayOfMonth)
	if !ok || !strings.Contains(dom.text, "?") {
		return
	}
	digit := strings.IndexAny(w.text, "01234567")
	if mark := strings.IndexAny(w.text, "#/"); digit < 0 || mark >= 0 && digit > mark {
		return
	}
	here := time.Weekday((w.text[digit] - '0') % 7)
	c.foundIn(s, QuartzDay, "schedule", w, fmt.Sprintf("%c is %s here; in Quartz, where ? comes from, it is %s", w.text[digit], here, (here+6)%7),
		"write names: "+named(w.text))
}

// named writes the numbers of a field of weekdays as names. Ranges keep their
// days: one that ends on Sunday has it as 0 or 7, one from 0 to 7 is the week.
func named(field string) string {
	field = strings.ReplaceAll(field, "0-7", "0-6")
	var out strings.Builder
	isDay := true
	for i := range len(field) {
		c := field[i]
		switch c {
		case '#', '/':
			isDay = false
		case ',', '-':
			isDay = true
		}
		if isDay && c >= '0' && c <= '7' {
			out.WriteString(strings.ToLower(time.Weekday((c - '0') % 7).String()[:3]))
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

// steps finds steps over a whole field that do not come out even: the last
// interval before the field begins anew is shorter.
func (c *checker) steps(s *subject) {
	for _, f := range []struct {
		which, low, count int
		unit, next        string
	}{
		{second, 0, 60, "second", "minute"},
		{minute, 0, 60, "minute", "hour"},
		{hour, 0, 24, "hour", "day"},
		{dayOfMonth, 1, 31, "day", "month"},
		{month, 1, 12, "month", "year"},
		{dayOfWeek, 0, 7, "day", "week"},
	} {
		w, ok := s.column(f.which)
		if !ok {
			continue
		}
		offset := w.offset
		for item := range strings.SplitSeq(w.text, ",") {
			part := word{item, offset}
			offset += len(item) + 1
			over, step, found := strings.Cut(item, "/")
			n, err := strconv.Atoi(step)
			whole := over == "*" || strings.EqualFold(over, "h") || over == fmt.Sprintf("%d-%d", f.low, f.low+f.count-1)
			even := f.count%max(n, 1) == 0 && f.which != dayOfMonth
			if !found || err != nil || n < 2 || !whole || even {
				continue
			}
			c.uneven(s, part, n, f.unit, f.next, f.which, f.count)
		}
	}
}

func (c *checker) uneven(s *subject, part word, n int, unit, next string, which, count int) {
	message := fmt.Sprintf("not every %d %ss: it begins anew each %s", n, unit, next)
	switch {
	case which == dayOfMonth:
		message += ", on the 1st"
	case part.text[0] != 'H' && part.text[0] != 'h':
		message += fmt.Sprintf(", %d after the last", count%n)
	}
	hint := fmt.Sprintf("@every %d%s keeps the interval", n, unit[:1])
	if slices.ContainsFunc(s.fields[which+1:], func(field string) bool { return field != "*" }) {
		hint = "list the values that are meant" // @every has no hours and days
	}
	switch which {
	case dayOfMonth:
		hint = fmt.Sprintf("only_on a calendar with FREQ=DAILY;INTERVAL=%d keeps the interval", n)
	case month:
		hint = fmt.Sprintf("only_on a calendar with FREQ=MONTHLY;INTERVAL=%d keeps the interval", n)
	case dayOfWeek:
		hint = "name the days"
	}
	c.foundIn(s, UnevenStep, "schedule", part, message, hint)
}

// expand is the values of a canonical field without words, one bit each.
func expand(field string, low, high int) uint64 {
	var set uint64
	for item := range strings.SplitSeq(field, ",") {
		span, step, stepped := strings.Cut(item, "/")
		by := 1
		if n, err := strconv.Atoi(step); stepped && err == nil && n > 0 {
			by = n
		}
		from, to := low, high
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			a, errA := strconv.Atoi(first)
			b, errB := a, error(nil)
			if ranged {
				b, errB = strconv.Atoi(last)
			}
			if errA != nil || errB != nil {
				continue // L, 15W, 5#3
			}
			from, to = a, b
		}
		for v := from; v <= to && v < 64; v += by {
			set |= 1 << v
		}
	}
	return set
}

package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// expression is a schedule as the judge understands it: what of cron it was
// taught, read field by field from the text each time it is asked.
type expression struct {
	fields  []string // second minute hour day month weekday
	seconds bool
	every   int64 // seconds between due times of @every; zero for cron
	zone    *time.Location
}

// understand reads an expression of numbers, ranges, lists and steps, or
// @every. Whatever else the judge refuses: it must not judge by guessing.
func understand(text string, seconds bool, zone string) (*expression, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("judging %q: %w", text, err)
	}
	if interval, ok := strings.CutPrefix(text, "@every "); ok {
		d, err := time.ParseDuration(strings.TrimSpace(interval))
		if err != nil || d < time.Second {
			return nil, fmt.Errorf("judging %q: not an interval of whole seconds", text)
		}
		return &expression{every: int64(d / time.Second), zone: loc}, nil
	}
	fields := strings.Fields(text)
	if !seconds {
		fields = append([]string{"0"}, fields...)
	}
	if len(fields) != 6 || strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789*/,- \t", r) }) {
		return nil, fmt.Errorf("judging %q: the judge knows only numbers, ranges, lists, steps and @every", text)
	}
	return &expression{fields: fields, seconds: seconds, zone: loc}, nil
}

// dues walks every second (or minute) of real time in (from, until] and
// returns those that are due.
func (x *expression) dues(from, until time.Time) []time.Time {
	if x.every > 0 {
		return x.multiples(from, until)
	}
	step := int64(60)
	if x.seconds {
		step = 1
	}
	var due []time.Time
	wild := strings.HasPrefix(x.fields[1], "*") || strings.HasPrefix(x.fields[2], "*")
	// A fixed line follows a clock that never goes back: each reading counts
	// the first time it is reached, or passed over. Begin a day earlier, to
	// know what was reached before.
	reached := wallSeconds(from.Add(-24*time.Hour), x.zone) / step * step
	start := from.Unix() - 24*3600
	if wild {
		start = from.Unix()
	}
	for t := start / step * step; t <= until.Unix(); t += step {
		now := wallSeconds(time.Unix(t, 0), x.zone)
		hit := false
		if wild {
			hit = x.matches(now)
		} else {
			for ; reached < now; reached += step {
				hit = hit || x.matches(reached+step)
			}
		}
		if at := time.Unix(t, 0).UTC(); hit && at.After(from) {
			due = append(due, at)
		}
	}
	return due
}

func (x *expression) multiples(from, until time.Time) []time.Time {
	var due []time.Time
	for t := from.Unix() / x.every * x.every; t <= until.Unix(); t += x.every {
		if at := time.Unix(t, 0).UTC(); at.After(from) && !at.After(until) {
			due = append(due, at)
		}
	}
	return due
}

// wallSeconds is the reading of a zone's clock, as seconds since a clock
// without zones read 1970.
func wallSeconds(t time.Time, zone *time.Location) int64 {
	_, offset := t.In(zone).Zone()
	return t.Unix() + int64(offset)
}

// matches asks each field about a reading of the clock.
func (x *expression) matches(wall int64) bool {
	c := time.Unix(wall, 0).UTC()
	for i, v := range []int{c.Second(), c.Minute(), c.Hour()} {
		if !has(x.fields[i], v, 0) {
			return false
		}
	}
	if !has(x.fields[4], int(c.Month()), 1) {
		return false
	}
	dom := has(x.fields[3], c.Day(), 1)
	dow := has(x.fields[5], int(c.Weekday()), 0) || c.Weekday() == time.Sunday && has(x.fields[5], 7, 0)
	if strings.HasPrefix(x.fields[3], "*") || strings.HasPrefix(x.fields[5], "*") {
		return dom && dow
	}
	return dom || dow
}

// has reports whether a field names v; lo is where steps over * begin.
func has(field string, v, lo int) bool {
	for part := range strings.SplitSeq(field, ",") {
		span, every, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			step, _ = strconv.Atoi(every)
		}
		first, last := lo, 1<<30
		if span != "*" {
			a, b, ranged := strings.Cut(span, "-")
			first, _ = strconv.Atoi(a)
			last = first
			if ranged {
				last, _ = strconv.Atoi(b)
			}
		}
		if step > 0 && v >= first && v <= last && (v-first)%step == 0 {
			return true
		}
	}
	return false
}

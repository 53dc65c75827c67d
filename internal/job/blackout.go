package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const secondsPerWeek = 7 * secondsPerDay

// window is a Blackout made ready to be asked.
type window struct {
	from, to int64 // Unix seconds, to excluded; both 0 in a weekly one
	week     []weekSpan
	zone     *time.Location
}

// weekSpan is a part of the week, in seconds of the wall clock since Sunday
// 00:00; its end does not belong to it.
type weekSpan struct{ from, to int }

// covers reports whether an instant lies in the window.
func (w *window) covers(at time.Time) bool {
	if w.week == nil {
		return w.from <= at.Unix() && at.Unix() < w.to
	}
	local := at.In(w.zone)
	hour, minute, second := local.Clock()
	now := int(local.Weekday())*secondsPerDay + hour*3600 + minute*60 + second
	return slices.ContainsFunc(w.week, func(s weekSpan) bool { return s.from <= now && now < s.to })
}

const weeklyForm = `"sat,sun 02:00..04:00", "daily 22:00..06:00" or "fri 18:00..mon 06:00"`

// parseWeekly reads the weekly form of a blackout. A window of days whose end
// is not after its begin ends on the day after.
func parseWeekly(text string) (week []weekSpan, message, hint string) {
	words := strings.Fields(strings.ReplaceAll(strings.ToLower(text), "..", " .. "))
	mark := slices.Index(words, "..")
	if mark != 2 || len(words) < 4 || len(words) > 5 {
		return nil, fmt.Sprintf("%q is not a window of the week", text), weeklyForm
	}
	first, message := weekdays(words[0])
	if message != "" {
		return nil, message, weeklyForm
	}
	from, ok := clock(words[1])
	to, good := clock(words[len(words)-1])
	switch {
	case !ok || from == secondsPerDay:
		return nil, fmt.Sprintf("%q is not a time of day", words[1]), "00:00 to 23:59"
	case !good:
		return nil, fmt.Sprintf("%q is not a time of day", words[len(words)-1]), "00:00 to 24:00"
	}
	if len(words) == 5 {
		last, message := weekdays(words[3])
		if message != "" || len(first) != 1 || len(last) != 1 {
			return nil, fmt.Sprintf("%q is not a window of the week", text), "one day on each side: " + weeklyForm
		}
		begin, end := first[0]*secondsPerDay+from, last[0]*secondsPerDay+to
		if begin == end {
			return nil, "the window is empty", ""
		}
		if end < begin {
			end += secondsPerWeek
		}
		return wrap(nil, begin, end), "", ""
	}
	if from == to {
		return nil, "the window is empty", "00:00..24:00 is the whole day"
	}
	if to < from {
		to += secondsPerDay
	}
	for _, d := range first {
		week = wrap(week, d*secondsPerDay+from, d*secondsPerDay+to)
	}
	return week, "", ""
}

// wrap adds a span that may go over the end of the week.
func wrap(week []weekSpan, from, to int) []weekSpan {
	week = append(week, weekSpan{from, min(to, secondsPerWeek)})
	if to > secondsPerWeek {
		week = append(week, weekSpan{0, to - secondsPerWeek})
	}
	return week
}

// weekdays reads daily, sat, mon-fri or sat,sun as days from Sunday = 0.
func weekdays(text string) (all []int, message string) {
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	if text == "daily" {
		return []int{0, 1, 2, 3, 4, 5, 6}, ""
	}
	for item := range strings.SplitSeq(text, ",") {
		first, last, found := strings.Cut(item, "-")
		if !found {
			last = first
		}
		from, to := slices.Index(names, first), slices.Index(names, last)
		if from < 0 || to < 0 {
			return nil, fmt.Sprintf("%q is not a day of the week", item)
		}
		for d := from; ; d = (d + 1) % 7 {
			if slices.Contains(all, d) {
				return nil, fmt.Sprintf("%q names a day twice", text)
			}
			all = append(all, d)
			if d == to {
				break
			}
		}
	}
	return all, ""
}

// clock reads 00:00 to 24:00 as seconds of the day.
func clock(text string) (seconds int, ok bool) {
	hours, minutes, found := strings.Cut(text, ":")
	hour, errHour := strconv.ParseUint(hours, 10, 8)
	minute, errMinute := strconv.ParseUint(minutes, 10, 8)
	if !found || errHour != nil || errMinute != nil || len(hours) != 2 || len(minutes) != 2 || minute > 59 {
		return 0, false
	}
	seconds = int(hour)*3600 + int(minute)*60
	return seconds, seconds <= secondsPerDay
}

// blackouts checks the windows of a job or of a file, which stand in field.
func (c *checker) blackouts(field string, all []Blackout) {
	if len(all) > maxBlackouts {
		c.fail(field, fmt.Sprintf("has %d windows, more than %d", len(all), maxBlackouts), "a calendar holds whole days")
	}
	for i, b := range all {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.calendarName(at+".name", b.Name, "blackout")
		if b.Timezone != "" {
			if z := c.zone(b.Timezone); z.message != "" {
				c.fail(at+".timezone", z.message, z.hint)
			}
		}
		instants := !b.From.IsZero() || !b.To.IsZero()
		switch {
		case instants && b.Weekly != "":
			c.fail(at, "has both instants and a weekly window", "write two blackouts; they may have one name")
		case b.Weekly != "":
			if _, message, hint := parseWeekly(b.Weekly); message != "" {
				c.fail(at+".weekly", message, hint)
			}
		case !instants:
			c.fail(at, "says neither from and to nor weekly", `weekly: `+weeklyForm)
		case b.From.IsZero():
			c.fail(at, "has no from", "a window has both ends")
		case b.To.IsZero():
			c.fail(at, "has no to", "a window has both ends; pause a job that is to rest for good")
		case !b.To.After(b.From):
			c.fail(at+".to", "is not after from", "")
		case b.Timezone != "":
			c.fail(at+".timezone", "means nothing beside instants, which carry their offset", "remove it")
		}
	}
}

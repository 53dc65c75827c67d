package schedule

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The oracle is a second evaluator, written from the rules of cron's daemon
// (cron.c: main's four kinds of wake-up and find_jobs; entry.c: the star
// flags) and sharing nothing with the package: it walks every minute of real
// time and asks each line whether it runs. It differs from the daemon in one
// point, on purpose: the daemon takes a jump of more than three hours for a
// clock that was set by hand and skips what lies between, the oracle never
// does, as a due time is never to be lost.

// line is a crontab line as the oracle understands it.
type line struct {
	text                                string
	min, hour, mon                      func(int) bool
	dom, dow                            func(day time.Time) bool
	starMin, starHour, starDom, starDow bool
}

func (l line) wildcard() bool { return l.starMin || l.starHour }

// matches is find_jobs: wall is a wall clock reading, in a time.Time of UTC.
func (l line) matches(wall time.Time) bool {
	if !l.min(wall.Minute()) || !l.hour(wall.Hour()) || !l.mon(int(wall.Month())) {
		return false
	}
	if l.starDom || l.starDow {
		return l.dom(wall) && l.dow(wall)
	}
	return l.dom(wall) || l.dow(wall)
}

// daemon runs lines over the real minutes of (from, to] and returns when each
// one ran. It starts some hours earlier, to have seen the clock before.
func daemon(lines []line, loc *time.Location, from, to time.Time) [][]int64 {
	fires := make([][]int64, len(lines))
	clock := func(t int64) int64 { // cron's clockTime, in minutes
		_, offset := time.Unix(t, 0).In(loc).Zone()
		return (t + int64(offset)) / 60
	}
	run := func(t, minute int64, wild, fixed bool) {
		if t <= from.Unix() {
			return
		}
		wall := time.Unix(minute*60, 0).UTC()
		for i, l := range lines {
			if (l.wildcard() && wild || !l.wildcard() && fixed) && l.matches(wall) {
				if n := len(fires[i]); n == 0 || fires[i][n-1] != t {
					fires[i] = append(fires[i], t)
				}
			}
		}
	}
	t := from.Unix()/60*60 - 5*3600
	virtual := clock(t)
	for t += 60; t <= to.Unix(); t += 60 {
		now := clock(t)
		if now <= virtual { // the clock was put back: wildcard lines only
			run(t, now, true, false)
			continue
		}
		run(t, now, true, false)
		for virtual < now { // fixed lines for each minute up to now
			virtual++
			run(t, virtual, false, true)
		}
	}
	return fires
}

// walked is the fires of a schedule in (from, to], by Next.
func walked(s *Schedule, from, to time.Time) []int64 {
	var out []int64
	for t, ok := s.Next(from); ok && !t.After(to); t, ok = s.Next(t) {
		out = append(out, t.Unix())
	}
	return out
}

func in(values ...int) func(int) bool {
	return func(v int) bool { return slices.Contains(values, v) }
}

func every(lo, step int) func(int) bool {
	return func(v int) bool { return (v-lo)%step == 0 }
}

func between(lo, hi, step int) func(int) bool {
	return func(v int) bool { return v >= lo && v <= hi && (v-lo)%step == 0 }
}

func anyOf(fs []func(int) bool) func(int) bool {
	return func(v int) bool {
		return slices.ContainsFunc(fs, func(f func(int) bool) bool { return f(v) })
	}
}

// columnGen draws a numeric field of lo to hi together with its meaning.
func columnGen(lo, hi int, names []string) *rapid.Generator[column] {
	return rapid.Custom(func(t *rapid.T) column {
		write := func(v int) string {
			if v-lo < len(names) && rapid.Bool().Draw(t, "name") {
				return names[v-lo]
			}
			return strconv.Itoa(v)
		}
		n := rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "items")
		var texts []string
		var fs []func(int) bool
		for range n {
			a := rapid.IntRange(lo, hi).Draw(t, "a")
			b := rapid.IntRange(a, hi).Draw(t, "b")
			k := rapid.IntRange(1, min(hi-lo, 30)).Draw(t, "step")
			switch rapid.IntRange(0, 5).Draw(t, "shape") {
			case 0:
				texts, fs = append(texts, "*"), append(fs, every(lo, 1))
			case 1:
				texts, fs = append(texts, fmt.Sprintf("*/%d", k)), append(fs, every(lo, k))
			case 2:
				texts, fs = append(texts, write(a)+"-"+write(b)), append(fs, between(a, b, 1))
			case 3:
				texts, fs = append(texts, fmt.Sprintf("%s-%s/%d", write(a), write(b), k)), append(fs, between(a, b, k))
			default:
				texts, fs = append(texts, write(a)), append(fs, in(a))
			}
		}
		return column{text: strings.Join(texts, ","), set: anyOf(fs)}
	})
}

type column struct {
	text string
	set  func(int) bool
}

func (c column) star() bool { return c.text[0] == '*' }

// dayColumn is a day field: plain values, or a rule about the whole date.
type dayColumn struct {
	text string
	on   func(time.Time) bool
}

func (c dayColumn) star() bool { return c.text[0] == '*' }

func endOfMonth(day time.Time) time.Time {
	first := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 1, -1)
}

func weekdayOf(day time.Time, dom int) time.Weekday {
	return time.Date(day.Year(), day.Month(), dom, 0, 0, 0, 0, time.UTC).Weekday()
}

// nearestWorkday tries the days of the month by their distance.
func nearestWorkday(day time.Time, dom int) int {
	last := endOfMonth(day).Day()
	for distance := range 3 {
		for _, d := range []int{dom - distance, dom + distance} {
			if d < 1 || d > last {
				continue
			}
			if w := weekdayOf(day, d); w != time.Saturday && w != time.Sunday {
				return d
			}
		}
	}
	panic("a month without a workday")
}

func domGen() *rapid.Generator[dayColumn] {
	return rapid.Custom(func(t *rapid.T) dayColumn {
		d := rapid.IntRange(1, 31).Draw(t, "dom")
		k := rapid.IntRange(1, 30).Draw(t, "before")
		switch rapid.IntRange(0, 9).Draw(t, "special") {
		case 0:
			return dayColumn{"L", func(day time.Time) bool { return day.Day() == endOfMonth(day).Day() }}
		case 1:
			return dayColumn{"LW", func(day time.Time) bool {
				return day.Day() == nearestWorkday(day, endOfMonth(day).Day())
			}}
		case 2:
			return dayColumn{fmt.Sprintf("%dW", d), func(day time.Time) bool {
				return d <= endOfMonth(day).Day() && day.Day() == nearestWorkday(day, d)
			}}
		case 3:
			return dayColumn{fmt.Sprintf("L-%d", k), func(day time.Time) bool {
				return day.Day() == endOfMonth(day).Day()-k
			}}
		case 4, 5, 6:
			return dayColumn{"*", func(time.Time) bool { return true }}
		}
		c := columnGen(1, 31, nil).Draw(t, "plain")
		return dayColumn{c.text, func(day time.Time) bool { return c.set(day.Day()) }}
	})
}

func dowGen() *rapid.Generator[dayColumn] {
	names := []string{"sun", "Mon", "TUE", "wed", "Thu", "fri", "sat"}
	return rapid.Custom(func(t *rapid.T) dayColumn {
		w := rapid.IntRange(0, 7).Draw(t, "dow")
		n := rapid.IntRange(1, 5).Draw(t, "nth")
		switch rapid.IntRange(0, 9).Draw(t, "special") {
		case 0:
			return dayColumn{fmt.Sprintf("%d#%d", w, n), func(day time.Time) bool {
				return int(day.Weekday()) == w%7 && (day.Day()+6)/7 == n
			}}
		case 1:
			return dayColumn{fmt.Sprintf("%dL", w), func(day time.Time) bool {
				return int(day.Weekday()) == w%7 && day.AddDate(0, 0, 7).Month() != day.Month()
			}}
		case 2, 3, 4:
			return dayColumn{"*", func(time.Time) bool { return true }}
		}
		c := columnGen(0, 7, names).Draw(t, "plain")
		return dayColumn{c.text, func(day time.Time) bool {
			v := int(day.Weekday())
			return c.set(v) || v == 0 && c.set(7)
		}}
	})
}

// lineGen draws lines; clock changes come at night, so hours are mostly small.
func lineGen() *rapid.Generator[line] {
	return rapid.Custom(func(t *rapid.T) line {
		minute := columnGen(0, 59, nil).Draw(t, "minute")
		hour := columnGen(0, 23, nil).Draw(t, "hour")
		if rapid.Bool().Draw(t, "night") {
			hour = columnGen(0, 4, nil).Draw(t, "hour")
			if hour.star() {
				hour = column{"*", every(0, 1)}
			} else if strings.Contains(hour.text, "*") {
				hour = column{"0-4", between(0, 4, 1)}
			}
		}
		month := column{"*", every(1, 1)}
		if rapid.IntRange(0, 3).Draw(t, "some months") == 0 {
			month = columnGen(1, 12, monthNames()).Draw(t, "month")
		}
		dom, dow := domGen().Draw(t, "dom"), dowGen().Draw(t, "dow")
		return line{
			text: strings.Join([]string{minute.text, hour.text, dom.text, month.text, dow.text}, " "),
			min:  minute.set, hour: hour.set, mon: month.set, dom: dom.on, dow: dow.on,
			starMin: minute.star(), starHour: hour.star(), starDom: dom.star(), starDow: dow.star(),
		}
	})
}

func monthNames() []string {
	return []string{"jan", "Feb", "MAR", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
}

// zones are all of the tz database, as Go ships it.
func zones(t testing.TB) []*time.Location {
	text, err := os.ReadFile("testdata/zones.txt")
	require.NoError(t, err)
	var out []*time.Location
	for name := range strings.FieldsSeq(string(text)) {
		loc, err := time.LoadLocation(name)
		require.NoError(t, err)
		out = append(out, loc)
	}
	return out
}

// changes are the instants at which a zone's offset changes, found by looking
// at each day and halving.
func changes(loc *time.Location, from, to time.Time) []time.Time {
	offset := func(t int64) int { _, o := time.Unix(t, 0).In(loc).Zone(); return o }
	var out []time.Time
	for day := from.Unix(); day < to.Unix(); day += daySeconds {
		lo, hi := day, day+daySeconds
		if offset(lo) == offset(hi) {
			continue
		}
		for before := offset(lo); hi-lo > 1; {
			if mid := (lo + hi) / 2; offset(mid) == before {
				lo = mid
			} else {
				hi = mid
			}
		}
		out = append(out, time.Unix(hi, 0).In(loc))
	}
	return out
}

func year(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }

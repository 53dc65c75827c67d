package schedule

import (
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sweepLines stand for each kind of line, at every clock change of every zone.
func sweepLines() []line {
	daily := func(time.Time) bool { return true }
	sunday := func(day time.Time) bool { return day.Weekday() == time.Sunday }
	always := every(0, 1)
	return []line{
		{text: "*/5 * * * *", min: every(0, 5), hour: always, mon: always, dom: daily, dow: daily, starMin: true, starHour: true, starDom: true, starDow: true},
		{text: "30 * * * *", min: in(30), hour: always, mon: always, dom: daily, dow: daily, starHour: true, starDom: true, starDow: true},
		{text: "*/15 0-3 * * *", min: every(0, 15), hour: between(0, 3, 1), mon: always, dom: daily, dow: daily, starMin: true, starDom: true, starDow: true},
		{text: "0,30 0-23 * * *", min: in(0, 30), hour: always, mon: always, dom: daily, dow: daily, starDom: true, starDow: true},
		{text: "30 2 * * *", min: in(30), hour: in(2), mon: always, dom: daily, dow: daily, starDom: true, starDow: true},
		{text: "0 0 * * *", min: in(0), hour: in(0), mon: always, dom: daily, dow: daily, starDom: true, starDow: true},
		{text: "15 1 * * 0", min: in(15), hour: in(1), mon: always, dom: daily, dow: sunday, starDom: true},
		{text: "59 0-23/2 1-31 * 7", min: in(59), hour: between(0, 23, 2), mon: always, dom: daily, dow: sunday},
	}
}

func parsed(t require.TestingT, expr string, loc *time.Location) *Schedule {
	s, err := Parse(expr, Options{Location: loc})
	require.NoError(t, err, "%q", expr)
	return s
}

// TestEveryClockChange compares with the oracle at the clock changes of all
// zones from 2000 to 2060. Zones mostly repeat each other's, so each pattern
// of change is looked at once: the two offsets and the wall clock's time.
func TestEveryClockChange(t *testing.T) {
	lines := sweepLines()
	type pattern struct {
		before, after  int
		month, weekday int
		clock          string
	}
	seen := map[pattern]bool{}
	checked := 0
	for _, loc := range zones(t) {
		for _, at := range changes(loc, year(2000), year(2061)) {
			_, before := at.Add(-time.Second).Zone()
			_, after := at.Zone()
			p := pattern{before, after, int(at.Month()), int(at.Weekday()), at.Format(time.TimeOnly)}
			if seen[p] {
				continue
			}
			seen[p] = true
			checked++
			from, to := at.Add(-5*time.Hour), at.Add(5*time.Hour)
			want := daemon(lines, loc, from, to)
			for i, l := range lines {
				s := parsed(t, l.text, loc)
				require.Equal(t, readable(want[i], loc), readable(walked(s, from, to), loc), "%q in %v at %v", l.text, loc, at)
			}
		}
	}
	t.Logf("figure: %d lines agree with an oracle at all %d patterns of clock changes of all zones, 2000 to 2060", len(lines), checked)
	require.Greater(t, checked, 300)
}

func readable(fires []int64, loc *time.Location) []string {
	out := make([]string, len(fires))
	for i, f := range fires {
		out[i] = time.Unix(f, 0).In(loc).Format(time.RFC3339)
	}
	return out
}

// TestOracle compares random lines with the oracle, in random zones from 2000
// to 2060, around clock changes and away from them.
func TestOracle(t *testing.T) {
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		loc := rapid.SampledFrom(all).Draw(t, "zone")
		day := rapid.IntRange(0, 61*365).Draw(t, "day")
		at := year(2000).AddDate(0, 0, day)
		if near := changes(loc, at, at.AddDate(0, 7, 0)); len(near) > 0 && rapid.IntRange(0, 4).Draw(t, "near") > 0 {
			at = near[0]
		}
		l := lineGen().Draw(t, "line")
		s, err := Parse(l.text, Options{Location: loc})
		if err != nil {
			require.ErrorContains(t, err, "no date ever matches", l.text)
			return
		}
		lead := time.Duration(rapid.IntRange(0, 72*3600).Draw(t, "lead")) * time.Second
		from := at.Add(-lead)
		to := from.Add(96 * time.Hour)
		want := daemon([]line{l}, loc, from, to)[0]
		require.Equal(t, readable(want, loc), readable(walked(s, from, to), loc), "%q in %v after %v", l.text, loc, from)
	})
}

// TestCalendar compares the days of random lines with the oracle's, over
// whole years.
func TestCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := lineGen().Draw(t, "line")
		l.min, l.hour = in(0), in(0)
		fields := strings.Fields(l.text)
		l.text = "0 0 " + strings.Join(fields[2:], " ")
		from := year(rapid.IntRange(2000, 2058).Draw(t, "year"))
		to := from.AddDate(2, 0, 0)
		var want []string
		for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
			if day != from && l.matches(day) {
				want = append(want, day.Format(time.DateOnly))
			}
		}
		s, err := Parse(l.text, Options{})
		if err != nil {
			require.ErrorContains(t, err, "no date ever matches", l.text)
			require.Empty(t, want)
			return
		}
		var got []string
		for _, f := range walked(s, from, to) {
			got = append(got, time.Unix(f, 0).UTC().Format(time.DateOnly))
		}
		require.Equal(t, want, got, l.text)
	})
}

// TestNextAgreesWithItself: Next is later than its argument, never skips a
// fire of the walk, and says the same from anywhere between two fires.
func TestNextAgreesWithItself(t *testing.T) {
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		loc := rapid.SampledFrom(all).Draw(t, "zone")
		s, err := Parse(exprGen().Draw(t, "expr"), Options{Location: loc, Seconds: true})
		if err != nil {
			t.Skip("no such date")
		}
		from := year(2000).Add(time.Duration(rapid.Int64Range(0, int64(60*365*24*time.Hour)).Draw(t, "from")))
		var fires []time.Time
		last := from
		for range 200 {
			next, ok := s.Next(last)
			if !ok {
				require.Equal(t, kindAt, s.kind)
				break
			}
			require.True(t, next.After(last))
			require.Zero(t, next.Nanosecond())
			fires = append(fires, next)
			last = next
		}
		for range 50 {
			probe := from.Add(time.Duration(rapid.Int64Range(0, int64(last.Sub(from))).Draw(t, "probe")))
			i := sort.Search(len(fires), func(i int) bool { return fires[i].After(probe) })
			if i == len(fires) {
				continue
			}
			got, ok := s.Next(probe)
			require.True(t, ok)
			require.Equal(t, fires[i], got, "%v after %v", s, probe)
		}
	})
}

// exprGen draws valid expressions of every kind.
func exprGen() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return "@every " + (time.Duration(rapid.IntRange(1, 1e7).Draw(t, "interval")) * time.Second).String()
		case 1:
			return "@at " + year(2000).Add(time.Duration(rapid.Int64Range(0, 61*365*86400).Draw(t, "at"))*time.Second).Format(time.RFC3339)
		case 2:
			return rapid.SampledFrom([]string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}).Draw(t, "macro")
		case 3:
			return rapid.SampledFrom([]string{"H H * * *", "H/15 * * * *", "H(0-29)/10 H(1-5) * * H", "~ 0~6 * * *", "H H H H *", "30~ ~12 ~ * mon-fri"}).Draw(t, "hashed")
		case 4:
			return columnGen(0, 59, nil).Draw(t, "second").text + " " + lineGen().Draw(t, "line").text
		}
		return lineGen().Draw(t, "line").text
	})
}

// TestStringRoundTrip: the canonical form means the same, and is its own
// canonical form.
func TestStringRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Seconds: true, Key: rapid.StringN(0, 12, -1).Draw(t, "key")}
		s, err := Parse(exprGen().Draw(t, "expr"), o)
		if err != nil {
			t.Skip("no such date")
		}
		again, err := Parse(s.String(), o)
		require.NoError(t, err, "%q", s.String())
		require.Equal(t, s, again, "%q", s.String())
		require.Equal(t, s.String(), again.String())
		require.NotEmpty(t, s.Describe())
	})
}

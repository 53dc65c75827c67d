package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// naive says whether a day is one of a rule's, from the rule's text alone and
// day by day: what RFC 5545 says of FREQ, INTERVAL and the BY parts, written
// without the library that rule uses.
type naive struct {
	freq                                string
	interval                            int
	wkst                                int // 0 is Monday
	months, monthDays, yearDays, setpos []int
	easter                              []int
	weekdays                            []naiveWeekday
	from, until                         day
}

type naiveWeekday struct{ n, weekday int }

func newNaive(t require.TestingT, text string, from day) *naive {
	n := &naive{interval: 1, from: from, until: dayOf(9999, 12, 31)}
	numbers := func(value string) (all []int) {
		for item := range strings.SplitSeq(value, ",") {
			v, err := strconv.Atoi(item)
			require.NoError(t, err)
			all = append(all, v)
		}
		return all
	}
	names := "MOTUWETHFRSASU"
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "FREQ":
			n.freq = value
		case "INTERVAL":
			n.interval = numbers(value)[0]
		case "WKST":
			n.wkst = strings.Index(names, value) / 2
		case "UNTIL":
			at, err := time.Parse("20060102", value[:8])
			require.NoError(t, err)
			n.until = dayOf(at.Date())
		case "BYMONTH":
			n.months = numbers(value)
		case "BYMONTHDAY":
			n.monthDays = numbers(value)
		case "BYYEARDAY":
			n.yearDays = numbers(value)
		case "BYSETPOS":
			n.setpos = numbers(value)
		case "BYEASTER":
			n.easter = numbers(value)
		case "BYDAY":
			for item := range strings.SplitSeq(value, ",") {
				w := naiveWeekday{weekday: strings.Index(names, item[len(item)-2:]) / 2}
				if place := item[:len(item)-2]; place != "" {
					w.n = numbers(place)[0]
				}
				n.weekdays = append(n.weekdays, w)
			}
		default:
			require.Fail(t, "unknown part", part)
		}
	}
	first := from.time()
	if len(n.monthDays)+len(n.yearDays)+len(n.weekdays)+len(n.easter) == 0 {
		switch n.freq {
		case "YEARLY":
			n.monthDays = []int{first.Day()}
			if n.months == nil {
				n.months = []int{int(first.Month())}
			}
		case "MONTHLY":
			n.monthDays = []int{first.Day()}
		case "WEEKLY":
			n.weekdays = []naiveWeekday{{weekday: monday(first)}}
		}
	}
	return n
}

// monday is the day of the week with Monday = 0.
func monday(at time.Time) int { return (int(at.Weekday()) + 6) % 7 }

func (n *naive) has(d day) bool {
	if d < n.from || d > n.until || !n.inInterval(d) || !n.matches(d) {
		return false
	}
	if len(n.setpos) == 0 {
		return true
	}
	first, last := n.period(d)
	var all []day
	for at := first; at <= last; at++ {
		if n.matches(at) {
			all = append(all, at)
		}
	}
	return slices.ContainsFunc(n.setpos, func(p int) bool {
		if p < 0 {
			p += len(all) + 1
		}
		return p >= 1 && p <= len(all) && all[p-1] == d
	})
}

// period is the day, week, month or year that d lies in.
func (n *naive) period(d day) (first, last day) {
	at := d.time()
	switch n.freq {
	case "WEEKLY":
		first = d - day((monday(at)-n.wkst+7)%7)
		return first, first + 6
	case "MONTHLY":
		return dayOf(at.Year(), at.Month(), 1), dayOf(at.Year(), at.Month()+1, 0)
	case "YEARLY":
		return dayOf(at.Year(), 1, 1), dayOf(at.Year(), 12, 31)
	}
	return d, d
}

func (n *naive) inInterval(d day) bool {
	a, _ := n.period(n.from)
	b, _ := n.period(d)
	between := 0
	switch n.freq {
	case "DAILY":
		between = int(b - a)
	case "WEEKLY":
		between = int(b-a) / 7
	case "MONTHLY":
		between = (b.time().Year()-a.time().Year())*12 + int(b.time().Month()) - int(a.time().Month())
	case "YEARLY":
		between = b.time().Year() - a.time().Year()
	}
	return between%n.interval == 0
}

func (n *naive) matches(d day) bool {
	at := d.time()
	yearLast := dayOf(at.Year(), 12, 31).time().YearDay()
	monthLast := dayOf(at.Year(), at.Month()+1, 0).time().Day()
	either := func(all []int, v, last int) bool {
		return len(all) == 0 || slices.Contains(all, v) || slices.Contains(all, v-last-1)
	}
	return either(n.months, int(at.Month()), 100) &&
		either(n.monthDays, at.Day(), monthLast) &&
		either(n.yearDays, at.YearDay(), yearLast) &&
		(len(n.easter) == 0 || slices.Contains(n.easter, at.YearDay()-easterOf(at.Year()))) &&
		(len(n.weekdays) == 0 || slices.ContainsFunc(n.weekdays, func(w naiveWeekday) bool {
			if w.weekday != monday(at) {
				return false
			}
			within, last := at.YearDay(), yearLast
			if n.freq == "MONTHLY" || len(n.months) > 0 {
				within, last = at.Day(), monthLast
			}
			return w.n == 0 || w.n == (within-1)/7+1 || w.n == -((last-within)/7+1)
		}))
}

// easterOf is the day of the year of Easter Sunday, by the algorithm of Gauss
// as Butcher wrote it down.
func easterOf(year int) int {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	month := (h + l - 7*m + 114) / 31
	dom := (h+l-7*m+114)%31 + 1
	return dayOf(year, time.Month(month), dom).time().YearDay()
}

// drawRule makes the text of a rule that parseRule accepts.
func drawRule(t *rapid.T) string {
	freq := rapid.SampledFrom([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}).Draw(t, "freq")
	parts := []string{"FREQ=" + freq}
	maybe := func(label, part string, g func() string) {
		if rapid.IntRange(0, 2).Draw(t, label) == 0 {
			parts = append(parts, part+"="+g())
		}
	}
	list := func(low, high int, signed bool) func() string {
		return func() string {
			all := rapid.SliceOfN(rapid.IntRange(low, high), 1, 4).Draw(t, "list")
			var words []string
			for _, v := range all {
				if signed && rapid.Bool().Draw(t, "negative") {
					v = -v
				}
				words = append(words, strconv.Itoa(v))
			}
			return strings.Join(words, ",")
		}
	}
	maybe("interval", "INTERVAL", list(1, 40, false))
	parts[len(parts)-1], _, _ = strings.Cut(parts[len(parts)-1], ",")
	maybe("wkst", "WKST", func() string { return rapid.SampledFrom([]string{"MO", "SU", "SA", "WE"}).Draw(t, "day") })
	maybe("until", "UNTIL", func() string {
		return fmt.Sprintf("20%02d%02d15", rapid.IntRange(20, 60).Draw(t, "year"), rapid.IntRange(1, 12).Draw(t, "month"))
	})
	maybe("months", "BYMONTH", list(1, 12, false))
	picked := false
	if freq != "WEEKLY" {
		maybe("month days", "BYMONTHDAY", func() string { picked = true; return list(1, 31, true)() })
	}
	maybe("weekdays", "BYDAY", func() string {
		picked = true
		places := 0
		if (freq == "MONTHLY" || freq == "YEARLY") && rapid.Bool().Draw(t, "places") {
			places = 5
		}
		var words []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}), 1, 4, rapid.ID).Draw(t, "days") {
			if places > 0 {
				name = strconv.Itoa(rapid.IntRange(1, places).Draw(t, "n")*rapid.SampledFrom([]int{1, -1}).Draw(t, "sign")) + name
			}
			words = append(words, name)
		}
		return strings.Join(words, ",")
	})
	if freq == "YEARLY" {
		maybe("year days", "BYYEARDAY", func() string { picked = true; return list(1, 366, true)() })
		if !picked {
			maybe("easter", "BYEASTER", func() string { picked = true; return list(0, 80, true)() })
		}
	}
	if picked {
		maybe("positions", "BYSETPOS", list(1, 6, true))
	}
	return strings.Join(parts, ";")
}

// TestRulesAgreeWithADayByDayReading: whichever year is asked for first, a
// rule has the days that its text says.
func TestRulesAgreeWithADayByDayReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawRule(t)
		from := dayOf(2020, 1, 1) + day(rapid.IntRange(0, 3000).Draw(t, "from"))
		length := rapid.IntRange(1, 40).Draw(t, "length")
		made, err := Rule{RRule: text, From: from.String(), Length: length}.compile()
		if err != nil && strings.Contains(err.Error(), "ends before it begins") {
			t.Skip("an empty rule")
		}
		require.NoError(t, err, text)
		oracle := newNaive(t, text, from)
		c := &calendar{rules: []*rule{made}}
		start := from + day(rapid.IntRange(-400, 12000).Draw(t, "start"))
		covered := start - 1 // the last day of the recurrences so far
		for d := start - day(length) + 1; d < start+400; d++ {
			if oracle.has(d) {
				covered = d + day(length) - 1
			}
			if d >= start {
				require.Equal(t, d <= covered, c.has(d), "%s from %s, %d days: %s", text, from, length, d)
			}
		}
	})
}

// TestMutatedRules: of ten thousand rules with something changed, each is
// refused with a place, or has the days its text says.
func TestMutatedRules(t *testing.T) {
	seeds := []string{
		"FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25", "FREQ=MONTHLY;BYDAY=-1FR",
		"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=DAILY;INTERVAL=3;UNTIL=20301231", "FREQ=YEARLY;BYYEARDAY=100,-1",
		"FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SA", "FREQ=YEARLY;BYEASTER=-2,39", "FREQ=YEARLY;BYDAY=20MO",
	}
	from := dayOf(2026, 1, 2)
	good := 0
	for i := range 10_000 {
		text := mutate(seeds[i%len(seeds)], uint64(i))
		made, wrong := parseRule(text, from, true)
		if wrong != nil {
			require.NotEmpty(t, wrong.message, text)
			require.True(t, wrong.offset >= 0 && wrong.offset+wrong.length <= len(text), "%q: %+v", text, wrong)
			continue
		}
		if made.count > 0 {
			require.LessOrEqual(t, len(made.counted()), made.count)
			continue
		}
		good++
		oracle := newNaive(t, made.text, from)
		var marks yearDays
		made.mark(2027, &marks)
		for n := range day(365) {
			require.Equal(t, oracle.has(dayOf(2027, 1, 1)+n), marks[n/64]>>(n%64)&1 != 0, "%s %s", text, dayOf(2027, 1, 1)+n)
		}
	}
	require.Greater(t, good, 500, "too few mutants are rules")
}

// mutate changes one to three places of a text, the same for the same seed.
func mutate(text string, seed uint64) string {
	random := func(n int) int {
		seed = seed*6364136223846793005 + 1442695040888963407
		return int(seed>>33) % max(n, 1)
	}
	random(1)
	const letters = "0123456789-,;=.:/*#?LWHabcMOTUSAFR \n\t\"'[]{}&|~@%é"
	for range 1 + random(3) {
		at := random(len(text))
		letter := letters[random(len(letters)):][:1]
		switch other := random(len(text)); random(6) {
		case 0:
			text = text[:at] + letter + text[at:]
		case 1, 2:
			text = text[:at] + letter + text[min(at+1, len(text)):]
		case 3:
			text = text[:at] + text[min(at+1+random(4), len(text)):]
		case 4: // a piece twice
			text = text[:at] + text[min(at, other):max(at, other)] + text[at:]
			text = text[:min(len(text), 4000)]
		case 5: // a number near by
			text = strings.Replace(text, strconv.Itoa(random(10)), strconv.Itoa(random(120)-20), 1)
		}
	}
	return text
}

func TestDays(t *testing.T) {
	joined, err := readDays("2026-12-31 2026-01-01 2026-12-24..2026-12-26 2026-12-27 2026-01-01..2026-01-02")
	require.NoError(t, err)
	require.Equal(t, "2026-01-01..2026-01-02 2026-12-24..2026-12-27 2026-12-31", formatDays(joined))
	rapid.Check(t, func(t *rapid.T) {
		var all []days
		for range rapid.IntRange(0, 8).Draw(t, "ranges") {
			first := day(rapid.IntRange(20000, 20060).Draw(t, "first"))
			all = append(all, days{first, first + day(rapid.IntRange(0, 9).Draw(t, "length"))})
		}
		again, err := readDays(formatDays(join(slices.Clone(all))))
		require.NoError(t, err)
		for d := day(19995); d < 20080; d++ {
			want := slices.ContainsFunc(all, func(s days) bool { return s.first <= d && d <= s.last })
			require.Equal(t, want, covers(again, d), d)
		}
	})
}

// TestExclusions: the date and the clock are those of the job's zone, the
// reason is the first of calendars then windows.
func TestExclusions(t *testing.T) {
	set, err := Parse([]File{{Name: "jobs.yaml", Data: []byte(`
calendars:
  holidays: [2026-12-25, 2026-12-26]
  summer: [2026-07-01..2026-08-31]
  weekdays: [{rrule: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"}]
blackouts:
  - {name: racks, weekly: "sat 23:00..sun 01:00"}
jobs:
  - {name: tokyo, schedule: "@hourly", timezone: Asia/Tokyo, command: x, except_on: [summer, holidays]}
  - {name: work, schedule: "@hourly", timezone: Europe/Berlin, command: x, only_on: weekdays, except_on: holidays,
     blackouts: [{name: night, weekly: "daily 22:00..06:00"}, {name: move, from: 2026-11-23T08:00:00Z, to: 2026-11-23T09:00:00Z}]}
  - {name: either, schedule: "@hourly", command: x, only_on: [summer, holidays]}
  - {name: free, schedule: "@hourly", command: x, cluster: cluster-b}
`)}})
	require.NoError(t, err)
	var calendars Calendars
	asked := map[string]*Exclusions{}
	for i := range set.Jobs {
		s, err := set.Jobs[i].Compile()
		require.NoError(t, err)
		asked[set.Jobs[i].Name], err = calendars.Exclusions(&set.Jobs[i], s.Location())
		require.NoError(t, err)
	}
	for _, c := range []struct{ job, due, want string }{
		{"tokyo", "2026-12-24T14:59:59Z", ""},
		{"tokyo", "2026-12-24T15:00:00Z", "calendar:holidays"},
		{"tokyo", "2026-12-26T14:59:59Z", "calendar:holidays"},
		{"tokyo", "2026-12-26T15:00:00Z", ""},
		{"tokyo", "2026-08-01T00:00:00Z", "calendar:summer"},
		{"tokyo", "2026-11-28T23:30:00Z", "blackout:racks"},
		{"tokyo", "2026-11-28T22:59:59Z", ""},
		{"tokyo", "2026-11-29T01:00:00Z", ""},
		{"work", "2026-11-20T12:00:00Z", ""},
		{"work", "2026-11-21T12:00:00Z", "calendar:weekdays"},
		{"work", "2026-12-25T12:00:00Z", "calendar:holidays"},
		{"work", "2026-11-20T21:00:00Z", "blackout:night"},
		{"work", "2026-11-20T20:59:59Z", ""},
		{"work", "2026-11-20T04:59:59Z", "blackout:night"},
		{"work", "2026-11-20T05:00:00Z", ""},
		{"work", "2026-07-20T04:00:00Z", ""},
		{"work", "2026-11-23T07:59:59Z", ""},
		{"work", "2026-11-23T08:00:00Z", "blackout:move"},
		{"work", "2026-11-23T08:59:59Z", "blackout:move"},
		{"work", "2026-11-23T09:00:00Z", ""},
		{"either", "2026-12-25T00:00:00Z", ""},
		{"either", "2026-08-31T23:00:00Z", ""},
		{"either", "2026-09-01T00:00:00Z", "calendar:summer,holidays"},
	} {
		due, err := time.Parse(time.RFC3339, c.due)
		require.NoError(t, err)
		require.Equal(t, c.want, asked[c.job].Reason(due), "%s at %s", c.job, c.due)
	}
	var none *Exclusions
	require.Empty(t, none.Reason(time.Unix(0, 0)))
}

// TestWindowsOverTheYear holds weekly windows against a minute by minute
// reading, over a change of the clock and the end of the week.
func TestWindowsOverTheYear(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for text, want := range map[string]func(weekday time.Weekday, minute int) bool{
		"sat,sun 02:00..04:00": func(d time.Weekday, m int) bool { return (d == 6 || d == 0) && m >= 120 && m < 240 },
		"fri 18:00..mon 06:00": func(d time.Weekday, m int) bool {
			return d == 5 && m >= 1080 || d == 6 || d == 0 || d == 1 && m < 360
		},
		"fri-mon 22:00..06:00": func(d time.Weekday, m int) bool {
			return m >= 1320 && (d >= 5 || d <= 1) || m < 360 && (d == 6 || d <= 2)
		},
		"Daily 00:00..24:00":   func(time.Weekday, int) bool { return true },
		"mon 06:00..mon 05:00": func(d time.Weekday, m int) bool { return d != 1 || m < 300 || m >= 360 },
		"tue 00:00 .. 24:00":   func(d time.Weekday, _ int) bool { return d == 2 },
	} {
		week, message, _ := parseWeekly(text)
		require.Empty(t, message)
		w := window{week: week, zone: berlin}
		for at := time.Date(2026, 10, 19, 0, 0, 0, 0, time.UTC); at.Before(time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)); at = at.Add(time.Minute) {
			local := at.In(berlin)
			require.Equal(t, want(local.Weekday(), local.Hour()*60+local.Minute()), w.covers(at), "%s at %s", text, local)
		}
	}
}

// TestCalendarsAreShared: jobs with equal calendars hold one text and one
// compiled form between them.
func TestCalendarsAreShared(t *testing.T) {
	var calendars Calendars
	var jobs [2]Job
	var asked [2]*Exclusions
	for i := range jobs {
		jobs[i] = goodJob()
		jobs[i].ExceptOn = []Calendar{{Name: "days", Days: strings.Clone("2026-12-25")}}
		var err error
		asked[i], err = calendars.Exclusions(&jobs[i], time.UTC)
		require.NoError(t, err)
	}
	require.Same(t, asked[0].except[0].calendar, asked[1].except[0].calendar)

	plain := goodJob()
	none, err := calendars.Exclusions(&plain, time.UTC)
	require.NoError(t, err)
	require.Nil(t, none)

	for i := range 2 * maxKnown {
		j := goodJob()
		j.OnlyOn = []Calendar{{Name: fmt.Sprint("c", i), Days: "2026-12-25"}}
		_, err := calendars.Exclusions(&j, time.UTC)
		require.NoError(t, err)
		require.LessOrEqual(t, len(calendars.known), maxKnown)
	}
}

// TestRecordsWithBadCalendars: a record that came from elsewhere is checked as
// a file is.
func TestRecordsWithBadCalendars(t *testing.T) {
	for _, c := range []struct {
		change func(j *Job)
		want   string
	}{
		{func(j *Job) { j.OnlyOn = []Calendar{{Name: "a", Days: "2026-13-01"}} }, "only_on[0]: reading the days of calendar a: there is no day 2026-13-01"},
		{func(j *Job) {
			j.OnlyOn = []Calendar{{Name: "a", Rules: []Rule{{RRule: "FREQ=DAILY;COUNT=3", From: "2026-01-01"}}}}
		}, "COUNT"},
		{func(j *Job) { j.OnlyOn = []Calendar{{Name: "a", Rules: []Rule{{RRule: "FREQ=WEEKLY"}}}} }, "does not say which day"},
		{func(j *Job) { j.ExceptOn = []Calendar{{Name: "a", Rules: []Rule{{RRule: "FREQ=DAILY", Length: 900}}}} }, "900 days"},
		{func(j *Job) {
			j.ExceptOn = []Calendar{{Name: "a", Rules: []Rule{{RRule: "FREQ=DAILY", From: "today"}}}}
		}, `"today" is not a day`},
		{func(j *Job) { j.ExceptOn = []Calendar{{Name: "a", Rules: []Rule{{RRule: "FREQ=DAILY", Except: "x"}}}} }, `"x" is not a day`},
		{func(j *Job) { j.ExceptOn = make([]Calendar, maxCalendars+1) }, "names 17 calendars"},
		{func(j *Job) { j.ExceptOn = []Calendar{{Days: "2026-01-01"}} }, "except_on[0]: is missing"},
		{func(j *Job) { j.Blackouts = []Blackout{{Name: "a", Weekly: "never"}} }, "blackouts[0].weekly"},
		{func(j *Job) { j.Blackouts = make([]Blackout, maxBlackouts+1) }, "has 65 windows"},
	} {
		j := goodJob()
		c.change(&j)
		require.Contains(t, strings.Join(texts(j.Validate()), "\n"), c.want)
	}
}

func TestReferences(t *testing.T) {
	require.Equal(t, []string{"/etc/days.ics", "conf/b.ics", "days.ics"}, References([]File{
		{Name: "conf/jobs.yaml", Data: []byte("calendars: {a: [{ical: ../days.ics}, {ical: b.ics}, 2026-01-01], b: [{ical: /etc/days.ics}], c: x}\njobs: []\n")},
		{Name: "other.yml", Data: []byte("calendars: {d: [{ical: ./days.ics}, {ical: [x]}]}\njobs: []\n")},
		{Name: "broken.yaml", Data: []byte("calendars: {a: [{ical: x.ics}")},
		{Name: "ical.crontab", Data: []byte("calendars: {a: [{ical: x.ics}]}")},
	}))
}

package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/plan"
)

// maxCounted bounds the due times that a calendar looks at.
const maxCounted = 1_000_000

// calendarBody is a month or a day: what ran, and what will.
type calendarBody struct {
	Job, Cluster string
	Title        string
	Before, Next string // the addresses of the neighbours
	Today        string
	Month        string // of a day: the address of its month
	Map          heat
	Cut          bool // not all that is to come was counted
	Changes      []string
	Excluded     int // due times to come that calendars and blackouts leave out
	Ran, Failed  int
	Skipped      int
	Coming       int
}

func (s *Site) calendar(ctx context.Context, r *http.Request, rd reader) (frame, error) {
	v := r.URL.Query()
	b := calendarBody{Job: v.Get("job"), Cluster: v.Get("cluster")}
	if !rd.Who.Scope.Whole() && b.Cluster == "" && len(rd.Who.Scope.Clusters) > 0 {
		b.Cluster = rd.Who.Scope.Clusters[0]
	}
	if b.Job != "" {
		if err := s.mayRead(ctx, rd, b.Job); err != nil {
			return frame{}, err
		}
	} else if b.Cluster != "" && !rd.covers(b.Cluster, rd.Who.Scope.Labels) {
		return frame{}, &missingError{fmt.Sprintf("There is no cluster %q that you may see.", b.Cluster)}
	}
	span, err := spanOf(v, rd.clock)
	if err != nil {
		return frame{}, err
	}
	b.neighbours(v, span)
	days, err := s.o.History.Calendar(ctx, b.Job, b.Cluster, span.from, span.to, rd.clock.zone)
	if err != nil {
		return frame{}, fmt.Errorf("reading the calendar: %w", err)
	}
	ahead, err := s.forecast(ctx)
	if err != nil {
		return frame{}, err
	}
	coming := ahead.count(rd, b.Job, b.Cluster, days)
	b.Cut = coming.cut
	b.draw(days, coming, rd.clock)
	return frame{Page: "calendar", Title: "Calendar", Nav: "/calendar", Live: "", Body: b}, nil
}

// mayRead returns an error unless the reader may see the job.
func (s *Site) mayRead(ctx context.Context, rd reader, name string) error {
	if rd.Who.Scope.Whole() || s.sees(ctx, rd, name) {
		return nil
	}
	return &missingError{fmt.Sprintf("There is no job %q that you may see.", name)}
}

// span is a month, or so many days around one.
type span struct {
	from, to time.Time // the first day and the last
	month    bool
}

// spanOf reads "month=2026-11", or "week=2026-11-23"; else it is this month.
func spanOf(v url.Values, c clock) (span, error) {
	if text := v.Get("week"); text != "" {
		day, err := time.ParseInLocation(time.DateOnly, text, c.zone)
		if err != nil {
			return span{}, &badRequestError{fmt.Sprintf("A day is written 2026-12-24; %q is none.", text)}
		}
		return span{from: day, to: day.AddDate(0, 0, 6)}, nil
	}
	now := c.now.In(c.zone)
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, c.zone)
	if text := v.Get("month"); text != "" {
		month, err := time.ParseInLocation("2006-01", text, c.zone)
		if err != nil || month.Year() < 2000 || month.Year() > 2200 {
			return span{}, &badRequestError{fmt.Sprintf("A month is written 2026-12; %q is none.", text)}
		}
		first = month
	}
	return span{from: first, to: first.AddDate(0, 1, -1), month: true}, nil
}

// neighbours sets title and addresses.
func (b *calendarBody) neighbours(v url.Values, s span) {
	at := func(key, value string) string {
		one := url.Values{}
		for _, keep := range []string{"job", "cluster"} {
			if v.Get(keep) != "" {
				one.Set(keep, v.Get(keep))
			}
		}
		if key != "" {
			one.Set(key, value)
		}
		return "/calendar?" + one.Encode()
	}
	b.Title = s.from.Format("January 2006")
	b.Before, b.Next = at("month", s.from.AddDate(0, -1, 0).Format("2006-01")), at("month", s.from.AddDate(0, 1, 0).Format("2006-01"))
	if !s.month {
		b.Title = s.from.Format("2 January") + " to " + s.to.Format("2 January 2006")
		b.Before, b.Next = at("week", s.from.AddDate(0, 0, -7).Format(time.DateOnly)), at("week", s.from.AddDate(0, 0, 7).Format(time.DateOnly))
		b.Month = at("month", s.from.Format("2006-01"))
	}
	b.Today = at("", "")
}

// comingHours counts due times to come by the hour in which they lie.
type comingHours struct {
	due, excluded map[int64]int // by the hour's beginning, in seconds
	why           map[int64]string
	cut           bool
}

// count counts the due times in the hours of days that are not over.
func (f *forecast) count(rd reader, name, cluster string, days []history.Day) comingHours {
	c := comingHours{due: map[int64]int{}, excluded: map[int64]int{}, why: map[int64]string{}}
	var starts []time.Time
	for _, d := range days {
		for _, h := range d.Hours {
			starts = append(starts, h.At)
		}
	}
	if len(starts) == 0 {
		return c
	}
	end := starts[len(starts)-1].Add(time.Hour)
	looked := 0
	for _, j := range f.jobs {
		if j.paused || j.due.Next == nil || name != "" && j.def.Name != name || cluster != "" && j.def.Cluster != cluster || !rd.covers(j.def.Cluster, j.def.Labels) {
			continue
		}
		from := rd.clock.now
		if from.Before(starts[0]) {
			from = starts[0].Add(-1)
		}
		for at, ok := j.due.Next(from); ok && at.Before(end); at, ok = j.due.Next(at) {
			if looked++; looked > maxCounted {
				c.cut = true
				return c
			}
			i := sort.Search(len(starts), func(i int) bool { return starts[i].After(at) }) - 1
			if i < 0 {
				continue
			}
			hour := starts[i].Unix()
			if j.due.Skipped != nil && j.due.Skipped(at) {
				c.excluded[hour]++
				continue
			}
			c.due[hour]++
		}
	}
	return c
}

// draw makes the map: a row for each day, a cell for each hour.
func (b *calendarBody) draw(days []history.Day, coming comingHours, c clock) {
	columns := 24
	most := 0
	for _, d := range days {
		columns = max(columns, len(d.Hours))
	}
	for _, n := range coming.due {
		most = max(most, n)
		b.Coming += n
	}
	for _, n := range coming.excluded {
		b.Excluded += n
	}
	b.Map = newHeat(len(days), columns, "")
	for hour := 0; hour < 24; hour += 3 {
		b.Map.column(hour, fmt.Sprintf("%02d", hour))
	}
	highest := mostRan(days)
	for i, d := range days {
		if date, err := time.Parse(time.DateOnly, d.Date); err == nil {
			b.Map.row(i, date.Format("Mon 2"))
		}
		for k, h := range d.Hours {
			b.hour(i, k, h, highest, most, coming, c)
		}
	}
	b.clockChanges(days, c)
	b.Map.Label = fmt.Sprintf("%s: %s ran, %d failed, %d skipped; %s to come.", b.Title, grouped(b.Ran), b.Failed, b.Skipped, grouped(b.Coming))
}

// hour draws one hour: what ran of one that has begun, what will of one that
// has not ended.
func (b *calendarBody) hour(row, column int, h history.Hour, highest, most int, coming comingHours, c clock) {
	b.Ran, b.Failed, b.Skipped = b.Ran+h.Ran, b.Failed+h.Failed, b.Skipped+h.Skipped
	due, excluded := coming.due[h.At.Unix()], coming.excluded[h.At.Unix()]
	class, title := hourClass(h, highest), hourTitle(h, c)
	href := ""
	if h.Ran+h.Skipped > 0 {
		day := h.At.In(c.zone).Format(time.DateOnly)
		href = runQuery{Job: b.Job, Cluster: b.Cluster, From: day, To: day}.address()
	}
	if h.At.After(c.now) {
		at := h.At.In(c.zone)
		class = fmt.Sprintf("p%d", level(due, most))
		if due == 0 {
			class = "h0"
		}
		title = fmt.Sprintf("%s–%s: %s to come", at.Format("Mon 2 Jan 15:04"), at.Add(time.Hour).Format("15:04"), grouped(due))
	}
	if excluded > 0 {
		title += fmt.Sprintf(", %d left out by calendars or blackouts", excluded)
	}
	b.Map.cell(row, column, class, title, href)
	if excluded > 0 {
		b.Map.ring(row, column, "cut")
	}
	if !h.At.After(c.now) && c.now.Before(h.At.Add(time.Hour)) {
		b.Map.ring(row, column, "now")
	}
}

// clockChanges marks the days on which the reader's clock is changed.
func (b *calendarBody) clockChanges(days []history.Day, c clock) {
	if len(days) == 0 || len(days[0].Hours) == 0 {
		return
	}
	last := days[len(days)-1]
	for _, change := range plan.Changes(days[0].Hours[0].At.Add(-1), last.Hours[len(last.Hours)-1].At.In(c.zone).Add(time.Hour)) {
		word := "back"
		if change.Forward() {
			word = "forward"
		}
		b.Changes = append(b.Changes, fmt.Sprintf("On %s the clock of %s goes %s, from %s to %s.",
			change.Before().Format("Monday 2 January"), c.zone, word, change.Before().Format("15:04"), change.After().Format("15:04")))
		for i, d := range days {
			for k, h := range d.Hours {
				if h.At.Equal(change.At.Truncate(time.Hour)) {
					b.Map.ring(i, k, "cut")
				}
			}
		}
	}
}

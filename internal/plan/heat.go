package plan

import (
	"errors"
	"time"
)

// Heat is how many due times fall on each day of a zone's calendar, and on
// each hour of its clock.
type Heat struct {
	Zone *time.Location
	Days []Day
}

// Day is one date. An hour that the clock shows twice holds both.
type Day struct {
	Date  time.Time // midnight, on a clock that is never changed
	Total int
	Hours [24]int
}

// MaxHeat is a good bound for Count, some seconds' work: a job that fires
// each second of a year, and half of another.
const MaxHeat = 50_000_000

// ErrTooMany says that there are more due times than may be counted.
var ErrTooMany = errors.New("too many due times to count: name fewer jobs, or a month")

// Count makes a Heat of the days from first up to and without end, both
// midnights on a clock that is never changed. It counts at most so many due
// times, and gives up with ErrTooMany.
func Count(jobs []Due, first, end time.Time, zone *time.Location, most int) (Heat, error) {
	h := Heat{Zone: zone}
	for day := first; day.Before(end); day = day.AddDate(0, 0, 1) {
		h.Days = append(h.Days, Day{Date: day})
	}
	total := 0
	const margin = 26 * time.Hour // more than any offset
	for _, due := range jobs {
		w := walk{due: due, end: end.Add(margin)}
		for w.start(first.Add(-margin)); w.at != never; w.step() {
			_, offset := time.Unix(w.at, 0).In(zone).Zone()
			second := w.at + int64(offset) - first.Unix()
			if second < 0 || second >= int64(len(h.Days))*86400 {
				continue
			}
			d := &h.Days[second/86400]
			d.Total++
			d.Hours[second%86400/3600]++
			if total++; total > most {
				return Heat{}, ErrTooMany
			}
		}
	}
	return h, nil
}

// Max is the most due times of a day, and of an hour.
func (h Heat) Max() (day, hour int) {
	for _, d := range h.Days {
		day = max(day, d.Total)
		for _, n := range d.Hours {
			hour = max(hour, n)
		}
	}
	return day, hour
}

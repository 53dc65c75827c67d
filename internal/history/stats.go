package history

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// Bucket counts the due times in [From, To), and tells the quantiles of the runs
// among them that have ended. Of a job they are exact; of a cluster or of all
// they are at most a tenth too high.
type Bucket struct {
	From        time.Time     `json:"from"`
	To          time.Time     `json:"to"`
	Succeeded   int           `json:"succeeded"`
	Failed      int           `json:"failed"`
	Skipped     int           `json:"skipped"`
	Other       int           `json:"other"` // unfinished or cancelled
	DurationP50 time.Duration `json:"duration_p50_ms"`
	DurationP95 time.Duration `json:"duration_p95_ms"`
	LatenessP50 time.Duration `json:"lateness_p50_ms"`
	LatenessP95 time.Duration `json:"lateness_p95_ms"`
}

// MaxBuckets bounds what Stats returns.
const MaxBuckets = 1000

// Stats divides the time from from to to into at most so many buckets of the
// same length, for a job or all (""), of a cluster or all (""). A bucket is at
// least a second long. Those of a cluster or of all are made of whole minutes,
// and from an hour's length on of whole hours: only these have quantiles.
func (d *DB) Stats(ctx context.Context, job, cluster string, from, to time.Time, buckets int) ([]Bucket, error) {
	unit := time.Second
	length := to.Sub(from) / time.Duration(max(1, min(buckets, MaxBuckets)))
	if job == "" {
		if unit = time.Minute; length > time.Minute*59 {
			unit = time.Hour
		}
		from = from.Truncate(unit)
	}
	if !from.Before(to) {
		return []Bucket{}, nil
	}
	for length = roundUp(length, unit); roundUp(to.Sub(from), length)/length > time.Duration(max(1, min(buckets, MaxBuckets))); {
		length += unit // since from was moved back
	}
	var all []Bucket
	for at := from; at.Before(to); at = at.Add(length) {
		all = append(all, Bucket{From: at.UTC(), To: at.Add(length).UTC()})
	}
	if job != "" {
		all[len(all)-1].To = to.UTC()
	}
	err := d.ask(ctx, func(q *asking) error {
		if job != "" {
			return q.statsOfJob(job, cluster, from, to, length, all)
		}
		if err := q.minutes(cluster, from, all[len(all)-1].To, length, func(i int64, t tally) { all[i].add(t) }); err != nil || unit != time.Hour {
			return err
		}
		return q.hours(cluster, from, length, all)
	})
	return all, err
}

func roundUp(d, unit time.Duration) time.Duration {
	return max(unit, (d + unit - 1).Truncate(unit))
}

func (b *Bucket) add(t tally) {
	b.Succeeded += int(t[classSucceeded])
	b.Failed += int(t[classFailed])
	b.Skipped += int(t[classSkipped])
	b.Other += int(t[classOther])
}

// statsOfJob reads the rows of a job.
func (q *asking) statsOfJob(name, cluster string, from, to time.Time, length time.Duration, all []Bucket) error {
	durations, latenesses := make([][]time.Duration, len(all)), make([][]time.Duration, len(all))
	query, args := rowsOfJob(name, cluster, from, to)
	err := q.each("SELECT due, state, duration, lateness, count"+query, args, func(scan func(...any) error) error {
		var due int64
		var state any
		var duration, lateness, count sql.NullInt64
		if err := scan(&due, &state, &duration, &lateness, &count); err != nil {
			return err
		}
		i := instant(due).Sub(from) / length
		var t tally
		c := classOf(stateOf(state))
		t[c] = max(count.Int64, 1)
		all[i].add(t)
		if c == classOther || c == classSkipped {
			return nil
		}
		if duration.Valid {
			durations[i] = append(durations[i], time.Duration(duration.Int64)*time.Microsecond)
		}
		if lateness.Valid {
			latenesses[i] = append(latenesses[i], time.Duration(lateness.Int64)*time.Microsecond)
		}
		return nil
	})
	for i := range all {
		all[i].DurationP50, all[i].DurationP95 = quantile(durations[i], 0.5), quantile(durations[i], 0.95)
		all[i].LatenessP50, all[i].LatenessP95 = quantile(latenesses[i], 0.5), quantile(latenesses[i], 0.95)
	}
	return err
}

// rowsOfJob is the end of a query for the rows of a job, skips among them.
func rowsOfJob(name, cluster string, from, to time.Time) (string, []any) {
	query := " FROM runs INDEXED BY runs_job WHERE job = (SELECT id FROM jobs WHERE name = ?) AND due >= ? AND due < ?"
	args := []any{name, micros(from), micros(to)}
	if cluster != "" {
		query, args = query+" AND cluster = ?", append(args, cluster)
	}
	return query, args
}

// minutes adds up the counts of clusters, in steps from from on.
func (q *asking) minutes(cluster string, from, to time.Time, step time.Duration, each func(i int64, t tally)) error {
	first, per := floor(micros(from), time.Minute), int64(step/time.Minute)
	query, args := `SELECT (minute - ?) / ?, sum(succeeded), sum(failed), sum(skipped), sum(other) FROM minutes
		WHERE minute >= ? AND minute < ?`, []any{first, per, first, floor(micros(to), time.Minute)}
	if cluster != "" {
		query, args = query+" AND cluster = ?", append(args, cluster)
	}
	return q.each(query+" GROUP BY 1", args,
		func(scan func(...any) error) error {
			var i int64
			var t tally
			err := scan(&i, &t[classSucceeded], &t[classFailed], &t[classSkipped], &t[classOther])
			if err == nil {
				each(i, t)
			}
			return err
		})
}

// hours reads the quantiles of buckets that last whole hours.
func (q *asking) hours(cluster string, from time.Time, length time.Duration, all []Bucket) error {
	durations, latenesses := make([]histogram, len(all)), make([]histogram, len(all))
	for i := range all {
		durations[i], latenesses[i] = histogram{}, histogram{}
	}
	first, per := floor(micros(from), time.Hour), int64(length/time.Hour)
	query, args := "SELECT hour, durations, latenesses FROM hours WHERE hour >= ? AND hour < ?", []any{first, first + per*int64(len(all))}
	if cluster != "" {
		query, args = query+" AND cluster = ?", append(args, cluster)
	}
	err := q.each(query, args, func(scan func(...any) error) error {
		var hour int64
		var d, l []byte
		if err := scan(&hour, &d, &l); err != nil {
			return err
		}
		i := (hour - first) / per
		for _, h := range []struct {
			body []byte
			into histogram
		}{{d, durations[i]}, {l, latenesses[i]}} {
			more, err := unpackHistogram(h.body)
			if err != nil {
				return err
			}
			h.into.merge(more)
		}
		return nil
	})
	for i := range all {
		all[i].DurationP50, all[i].DurationP95 = durations[i].quantile(0.5), durations[i].quantile(0.95)
		all[i].LatenessP50, all[i].LatenessP95 = latenesses[i].quantile(0.5), latenesses[i].quantile(0.95)
	}
	return err
}

// Hour counts what was due in one hour of a day.
type Hour struct {
	At      time.Time `json:"at"` // its beginning
	Ran     int       `json:"ran"`
	Failed  int       `json:"failed"` // of those that ran
	Skipped int       `json:"skipped"`
}

// Day is a day in a zone, with its hours: 23, 24 or 25 of them.
type Day struct {
	Date  string `json:"date"` // 2006-01-02
	Hours []Hour `json:"hours"`
}

// MaxDays bounds what Calendar returns.
const MaxDays = 400

// quarter is what the offsets of all zones are whole numbers of.
const quarter = 15 * time.Minute

// Calendar returns the days from the one of from to the one of to, both
// included, of a job or all (""), of a cluster or all (""). Of more than
// MaxDays, it returns the first.
func (d *DB) Calendar(ctx context.Context, job, cluster string, from, to time.Time, zone *time.Location) ([]Day, error) {
	days, hours := daysOf(from.In(zone), to.In(zone))
	if len(days) == 0 {
		return []Day{}, nil
	}
	begin, end := hours[0].At, hours[len(hours)-1].At.Add(2*time.Hour) // an hour may be longer where clocks change
	add := func(at time.Time, t tally) {
		i, exact := slices.BinarySearchFunc(hours, at, func(h *Hour, at time.Time) int { return h.At.Compare(at) })
		if !exact {
			i--
		}
		if i < 0 || i == len(hours)-1 && dateOf(at.In(zone)) != days[len(days)-1].Date {
			return
		}
		hours[i].Ran += int(t[classSucceeded] + t[classFailed] + t[classOther])
		hours[i].Failed += int(t[classFailed])
		hours[i].Skipped += int(t[classSkipped])
	}
	err := d.ask(ctx, func(q *asking) error {
		if job == "" {
			begin = begin.Truncate(quarter)
			return q.minutes(cluster, begin, end, quarter, func(i int64, t tally) { add(begin.Add(time.Duration(i)*quarter), t) })
		}
		query, args := rowsOfJob(job, cluster, begin, end)
		return q.each("SELECT due, state, count"+query, args, func(scan func(...any) error) error {
			var due int64
			var state any
			var count sql.NullInt64
			if err := scan(&due, &state, &count); err != nil {
				return err
			}
			var t tally
			t[classOf(stateOf(state))] = max(count.Int64, 1)
			add(instant(due), t)
			return nil
		})
	})
	return days, err
}

func dateOf(t time.Time) string { return t.Format(time.DateOnly) }

// daysOf makes the days from the one of from to the one of to, with their hours,
// which it also returns in one row.
func daysOf(from, to time.Time) ([]Day, []*Hour) {
	var days []Day
	var hours []*Hour
	midnight := func(t time.Time, more int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+more, 0, 0, 0, 0, t.Location())
	}
	for at := midnight(from, 0); !at.After(to) && len(days) < MaxDays; at = midnight(from, len(days)) {
		day := Day{Date: dateOf(at)}
		next := midnight(from, len(days)+1)
		for h := at; h.Before(next); h = h.Add(time.Hour) {
			day.Hours = append(day.Hours, Hour{At: h})
		}
		for i := range day.Hours {
			hours = append(hours, &day.Hours[i])
		}
		days = append(days, day)
	}
	return days, hours
}

package shard

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// minDurations is of how many successes the durations must be known before
	// a run can be longer than they let expect.
	minDurations = 3
	// longSlack is how much longer than the last ones a run is at the least.
	longSlack = 30 * time.Second
	// maxDays bounds how far ahead a done_by is looked for, and maxLookedAt the
	// due times looked at for each.
	maxDays     = 40
	maxLookedAt = 4000
)

// durations are those of the last successes, shortest first.
func (st *JobState) durations() []time.Duration {
	var all []time.Duration
	for i := range st.Recent {
		if r := &st.Recent[i]; r.State == run.StateSucceeded && r.Took > 0 {
			all = append(all, r.Took)
		}
	}
	slices.Sort(all)
	return all
}

// typical is how long a run of the job probably takes: the median of its last
// successes, zero if there are none.
func (st *JobState) typical() time.Duration {
	all := st.durations()
	if len(all) == 0 {
		return 0
	}
	return all[len(all)/2]
}

// longest is after how long a run counts as long: half as long again as the
// longest of the last successes, and longSlack more than it at the least. It is
// false while too little is known.
func (st *JobState) longest() (time.Duration, bool) {
	all := st.durations()
	if len(all) < minDurations {
		return 0, false
	}
	most := all[len(all)-1]
	return most + max(most/2, longSlack), true
}

// deadline is the first time of done_by after the given one whose run has not
// succeeded, and the due time of that run.
func (e *entry) deadline(after time.Time) (by, due time.Time, ok bool) {
	if e.sched == nil {
		return by, due, false
	}
	clock, err := time.Parse(job.DoneByForm, e.def.DoneBy)
	if err != nil {
		return by, due, false
	}
	w := e.st.Watch
	day := after.In(e.sched.Location())
	for range maxDays {
		by = time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0, 0, day.Location())
		day = day.AddDate(0, 0, 1)
		if !by.After(after) {
			continue
		}
		due, ok = e.lastDue(by)
		if ok && due.After(w.SuccessDue) && due.After(w.Since) {
			return by.UTC(), due, true
		}
	}
	return time.Time{}, time.Time{}, false
}

// lastDue is the last due time in the day up to by that is run.
func (e *entry) lastDue(by time.Time) (last time.Time, found bool) {
	for _, back := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		due, ok := e.sched.Next(by.Add(-back))
		for n := 0; ok && !due.After(by) && n < maxLookedAt; n++ {
			if e.except.Reason(due) == "" {
				last, found = due, true
			}
			due, ok = e.sched.Next(due)
		}
		if found {
			return last, true
		}
	}
	return time.Time{}, false
}

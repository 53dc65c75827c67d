package main

import (
	"slices"
	"strconv"
	"time"
)

// met says of a row whether it meets its goals. A part never fails for one
// that it misses: figures of a busy machine are no verdict on the code.
func met(all bool) string {
	if all {
		return "met"
	}
	return "missed"
}

// roundName names a round; those before the first do not count.
func roundName(round int) string {
	if round < 1 {
		return "warm"
	}
	return strconv.Itoa(round)
}

// counting is met for the rounds that count.
func counting(round int, all bool) string {
	if round < 1 {
		return ""
	}
	return met(all)
}

// late is how late something due at an instant came.
type late struct {
	due time.Time
	by  time.Duration
}

// between returns how late those due in [from, to) were, sorted.
func between(all []late, from, to time.Time) []time.Duration {
	var some []time.Duration
	for _, l := range all {
		if !l.due.Before(from) && l.due.Before(to) {
			some = append(some, l.by)
		}
	}
	slices.Sort(some)
	return some
}

// quantile is that of sorted durations; zero if there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}

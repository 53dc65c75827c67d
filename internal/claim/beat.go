package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Beat is what a worker's beat says of its runs.
type Beat struct {
	// FreeSlots and FreeRetrySlots are the slots that will not be taken within
	// the second: neither by runs that have one, nor by those held that come
	// due, as far as the slots that come free meanwhile do not suffice.
	FreeSlots      int
	FreeRetrySlots int
	// ClaimsRuns and ClaimsRetries report whether the worker is able to claim
	// from the partitions it owns.
	ClaimsRuns    bool
	ClaimsRetries bool
	// Claims are the runs it answers for, by the numbers of their claims. A
	// number stays until the run's last event is in the log. Runs is how many
	// there are.
	Claims run.Claims
	Runs   int
	// Ahead is how far ahead of its time the run is held that is due last.
	Ahead time.Duration
}

// Beat returns what the beat sent now says.
func (s *State) Beat(now Now) Beat {
	b := Beat{Claims: s.claims(), Runs: s.n}
	for _, q := range s.queues() {
		q.prune(now)
		b.Ahead = max(b.Ahead, q.ahead(now))
		free := 0
		if !s.draining {
			free = q.freeSoon(now)
		}
		q.reported = append(q.reported, report{at: now.Mono, free: free})
	}
	b.FreeSlots = s.runs.reported[len(s.runs.reported)-1].free
	b.FreeRetrySlots = s.retries.reported[len(s.retries.reported)-1].free
	b.ClaimsRuns, b.ClaimsRetries = s.runs.claims(now), s.retries.claims(now)
	return b
}

// claims lists the runs, those started first: more is lost if a shard does not
// know of them.
func (s *State) claims() run.Claims {
	var numbers [2][]int64
	for _, first := range s.byRun {
		for h := first; h != nil; h = h.next {
			started := 0
			if h.announced {
				started = 1
			}
			numbers[started] = append(numbers[started], h.number)
		}
	}
	c := run.Claims{Last: s.given}
	c.Started, c.Unlisted = list(numbers[1], maxRows, c.Unlisted)
	c.Held, c.Unlisted = list(numbers[0], maxRows-len(c.Started), c.Unlisted)
	return c
}

// list returns the first rows of numbers, at most most, and adds to unlisted
// how many numbers are in the others.
func list(numbers []int64, most int, unlisted int) ([]run.Row, int) {
	rows := run.Rows(numbers)
	for len(rows) > most {
		last := rows[len(rows)-1]
		unlisted += int(last[1]-last[0]) + 1
		rows = rows[:len(rows)-1]
	}
	return rows, unlisted
}

// ahead is how far ahead of its time the run is that is due last.
func (q *queue) ahead(now Now) time.Duration {
	last := time.Duration(0)
	for _, h := range q.far.runs {
		last = max(last, h.at-now.Mono)
	}
	for _, h := range q.near {
		if h.stage == waiting || h.stage == claiming {
			last = max(last, h.due(now))
		}
	}
	return last
}

// freeSoon returns how many slots nothing will take within a second.
func (q *queue) freeSoon(now Now) int {
	t := q.tally(now)
	return max(0, q.slots-t.taken-max(t.due, q.dueWithin(rateOver, now)-len(q.exits)))
}

package worker

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/belfry-cron/belfry/internal/ready"
)

// facts are what others may ask about a worker at any time.
type facts struct {
	leaving ready.Moment
	working atomic.Bool
	overdue atomic.Pointer[overdue]
}

// overdue are the runs held that do not start, as of the latest beat.
type overdue struct {
	runs   int
	oldest time.Time
}

// queueFacts are what others may ask about a claimer.
type queueFacts struct{ outside, failing, claiming ready.Moment }

// ready is the worker's state as it is now.
func (w *worker) ready() ready.Worker {
	state := ready.Worker{Role: ready.Role{
		Name: w.o.Name, Began: w.born, Working: w.facts.working.Load(), Leaving: w.facts.leaving.Get(),
	}}
	if beaten := w.contact.since(); beaten > 0 {
		state.Beaten = w.born.Add(beaten)
	}
	if o := w.facts.overdue.Load(); o != nil {
		state.Overdue, state.Oldest = o.runs, o.oldest
	}
	for q, c := range w.claimers {
		state.Queues = append(state.Queues, ready.Queue{
			Name: string(q), Outside: c.facts.outside.Get(), Failing: c.facts.failing.Get(), Claiming: c.facts.claiming.Get(),
		})
	}
	slices.SortFunc(state.Queues, func(a, b ready.Queue) int { return strings.Compare(a.Name, b.Name) })
	return state
}

// tellOverdue is called by the loop.
func (w *worker) tellOverdue() {
	runs, longest := w.state.Overdue(w.now())
	w.facts.overdue.Store(&overdue{runs, time.Now().Add(-longest)})
}

// forgive ends a row of failures once the session has lasted: where each claim
// fails, all goes well in between.
func (c *claimer) forgive(began time.Time) {
	if !c.pollFails && time.Since(began) > ready.Patience {
		c.facts.failing.Clear()
	}
}

package site

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Ledger folds events as they are written, to know what is unfinished.
type Ledger struct {
	open map[run.ID]time.Time

	// Handed, Started and Ended count.
	Handed, Started, Ended int
}

// Observe folds one event.
func (l *Ledger) Observe(ev *run.Event) {
	if l.open == nil {
		l.open = map[run.ID]time.Time{}
	}
	switch ev.Type {
	case run.EventEnqueued, run.EventDeferred:
		if _, ok := l.open[ev.Run]; !ok {
			l.open[ev.Run] = ev.At
		}
		l.Handed++
	case run.EventStarting:
		l.Started++
	case run.EventFinished:
		if _, ok := ev.Final(); ok && !l.open[ev.Run].IsZero() {
			delete(l.open, ev.Run)
			l.Ended++
		}
	case run.EventEnded:
		delete(l.open, ev.Run)
		l.Ended++
	case run.EventSkipped:
		delete(l.open, ev.Run)
	case run.EventRecalling, run.EventRetrying, run.EventLost, run.EventLate, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventClaimed, run.EventReturned, run.EventDropped:
	}
}

// Open counts the runs first handed out or deferred by at that have not
// ended.
func (l *Ledger) Open(at time.Time) int {
	n := 0
	for _, since := range l.open {
		if !since.After(at) {
			n++
		}
	}
	return n
}

package scheduler

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/shard"
)

// facts are what others may ask about a scheduler at any time.
type facts struct {
	leaving, beaten, heard ready.Moment
	working                atomic.Bool
	loops                  atomic.Pointer[[]*loop]
	rooms                  atomic.Pointer[map[string]room] // by cluster
}

// loopFacts are what others may ask about a shard's loop.
type loopFacts struct {
	unloaded, committing ready.Moment
	unclaimed            atomic.Pointer[unclaimed]
	overdue              atomic.Pointer[map[string]shard.Overdue] // by cluster
	closed               atomic.Pointer[[]string]                 // clusters
}

// unclaimed are the runs that are overdue on their queue.
type unclaimed struct {
	runs   int
	oldest time.Time
}

// ready is the scheduler's state as it is now.
func (s *scheduler) ready() ready.Scheduler {
	state := ready.Scheduler{
		Role: ready.Role{
			Name: s.o.Name, Began: s.born, Beaten: s.facts.beaten.Get(),
			Working: s.facts.working.Load(), Leaving: s.facts.leaving.Get(),
		},
		Heard: s.facts.heard.Get(),
	}
	if loops := s.facts.loops.Load(); loops != nil {
		for _, l := range *loops {
			state.Shards = append(state.Shards, l.ready())
		}
	}
	return state
}

func (l *loop) ready() ready.Shard {
	state := ready.Shard{Number: l.shard, Unloaded: l.facts.unloaded.Get(), Committing: l.facts.committing.Get()}
	if u := l.facts.unclaimed.Load(); u != nil && state.Unloaded.IsZero() {
		state.Unclaimed, state.Oldest = u.runs, u.oldest
	}
	return state
}

// tellLoops lets others see which shards are this scheduler's. It has come so
// far as to work once all are loaded that the log gives it, which may be none,
// and the log has its own beats.
func (w *watcher) tellLoops(loaded int) {
	loops := make([]*loop, 0, len(w.loops))
	for _, l := range w.loops {
		loops = append(loops, l)
	}
	slices.SortFunc(loops, func(a, b *loop) int { return cmp.Compare(a.shard, b.shard) })
	w.facts.loops.Store(&loops)
	if w.selfHeard && loaded == len(loops) {
		w.facts.working.Store(true)
	}
}

// tellUnclaimed counts the runs that nobody takes.
func (t *tenure) tellUnclaimed(now time.Time) {
	runs, oldest := t.core.Unclaimed(now.Add(-ready.Patience))
	t.facts.unclaimed.Store(&unclaimed{runs, oldest})
	late := t.core.Overdue(now)
	t.facts.overdue.Store(&late)
}

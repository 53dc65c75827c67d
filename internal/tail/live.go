package tail

import (
	"slices"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

// Live is what one run writes.
type Live struct {
	t       *Tail
	id      run.ID
	before  int64
	c       chan run.Output
	pending []run.Output  // while history is asked
	last    map[int64]int // the latest seq of each fence that was handed over
	behind  bool
	closed  bool
}

// Before is how many bytes stood before the first chunk.
func (l *Live) Before() int64 { return l.before }

// C is closed when it was closed, the tail ended, or the reader was too slow. It
// goes on behind a run's end: whoever follows a run also listens to it.
func (l *Live) C() <-chan run.Output { return l.c }

// Behind says, once C is closed, that the reader was too slow.
func (l *Live) Behind() bool {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	return l.behind
}

// Close ends it.
func (l *Live) Close() {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	l.end()
}

func (l *Live) end() {
	if l.closed {
		return
	}
	l.closed = true
	if l.c != nil {
		close(l.c)
	}
	of := l.t.lives[l.id]
	if delete(of, l); len(of) == 0 {
		delete(l.t.lives, l.id)
	}
}

// watchRun has chunks of the run go to l.
func (f *fan) watchRun(l *Live) {
	of := f.lives[l.id]
	if of == nil {
		of = map[*Live]bool{}
		f.lives[l.id] = of
	}
	of[l] = true
}

// begin hands over what history keeps, and what came since it was asked.
func (l *Live) begin(kept history.Tail) {
	l.before, l.last = kept.Before, map[int64]int{}
	pending := l.pending
	l.pending = nil
	l.c = make(chan run.Output, len(kept.Chunks)+len(pending)+queueLength)
	for _, o := range slices.Concat(kept.Chunks, pending) {
		l.hand(o)
	}
	if l.closed { // meanwhile
		close(l.c)
	}
}

// hand hands a chunk over, unless it was before: what was folded a moment ago,
// history answers, and it comes again. It reports whether there was room.
func (l *Live) hand(o run.Output) bool {
	if last, begun := l.last[o.Fence]; begun && o.Seq <= last {
		return true
	}
	select {
	case l.c <- o:
		l.last[o.Fence] = o.Seq
		return true
	default:
		return false
	}
}

// output hands chunks to those who read their runs.
func (f *fan) output(changes []history.Change) {
	if len(f.lives) == 0 {
		return
	}
	for i := range changes {
		if c := &changes[i]; c.Kind == history.KindOutput {
			for l := range f.lives[c.Run] {
				l.offer(*c.Output)
			}
		}
	}
}

func (l *Live) offer(o run.Output) {
	if l.c == nil {
		if l.pending = append(l.pending, o); len(l.pending) > pendingMost {
			l.behind = true
			l.end()
		}
		return
	}
	if !l.hand(o) {
		l.behind = true
		l.end()
	}
}

package tail

import (
	"maps"
	"slices"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// queueLength is how many changes a listener, or chunks a reader of live
	// output, may lag behind before it is cut off.
	queueLength = 256
	// ringLength and ringBytes bound the latest changes that are kept for
	// listeners who resume.
	ringLength = 10_000
	ringBytes  = 32 << 20
	// pendingMost is how many chunks may come while history is asked for those
	// before them.
	pendingMost = 10_000
)

// Filter says which changes a listener wants. Zero fields let all in.
type Filter struct {
	Kinds   []history.Kind // none for all but members and output
	Job     string
	Cluster string
	Run     run.ID
	// Allow, if it is set, has to return true. It is called from another
	// goroutine and must not block.
	Allow func(*history.Change) bool
}

func (f *Filter) lets(c *history.Change) bool {
	if len(f.Kinds) == 0 && !resumable(c.Kind) || len(f.Kinds) > 0 && !slices.Contains(f.Kinds, c.Kind) {
		return false
	}
	return (f.Job == "" || f.Job == c.Job) && (f.Cluster == "" || f.Cluster == c.Cluster) &&
		(f.Run == "" || f.Run == c.Run) && (f.Allow == nil || f.Allow(c))
}

// resumable reports whether changes of a kind are kept for who resumes. The next
// beat of a member comes soon, and output is read by Live.
func resumable(k history.Kind) bool { return k != history.KindMember && k != history.KindOutput }

// Event is a change. All listeners share it: nobody may write to it.
type Event struct {
	// ID, where it is not empty, is where to resume from behind this event, on
	// any server.
	ID     string
	Change *history.Change
	// Anew says, instead of a change, that it is not known what changed: whoever
	// listens begins anew, from the questions of history.
	Anew bool
}

// Listener gets the changes that its filter lets in.
type Listener struct {
	t      *Tail
	filter Filter
	c      chan Event
	anew   bool
	behind bool
	closed bool
}

// Listen begins to listen: behind the event of the ID after, or with what
// changes from now on (""). Changes may come twice, and tell how things stand,
// not what happened.
func (t *Tail) Listen(f Filter, after string) *Listener {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &Listener{t: t, filter: f}
	var missed []Event
	if after != "" {
		missed, l.anew = t.since(&f, after)
	}
	l.c = make(chan Event, len(missed)+queueLength)
	for _, e := range missed {
		l.c <- e
	}
	if t.over {
		l.closed = true
		close(l.c)
		return l
	}
	t.listeners[l] = true
	return l
}

// Anew says that it is not known what changed since the ID that Listen was
// given: whoever listens begins anew, from the questions of history.
func (l *Listener) Anew() bool { return l.anew }

// C is closed when the listener was closed, the tail ended, or the listener was
// too slow.
func (l *Listener) C() <-chan Event { return l.c }

// Behind says, once C is closed, that the listener was too slow. It may resume
// behind the last ID it got.
func (l *Listener) Behind() bool {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	return l.behind
}

// Close ends it.
func (l *Listener) Close() {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	l.end()
}

func (l *Listener) end() {
	if !l.closed {
		l.closed = true
		close(l.c)
		delete(l.t.listeners, l)
	}
}

// offer hands an event over, or cuts the listener off.
func (l *Listener) offer(e Event) {
	select {
	case l.c <- e:
	default:
		l.behind = true
		l.end()
	}
}

// fan is who is told what.
type fan struct {
	listeners map[*Listener]bool
	lives     map[run.ID]map[*Live]bool
	over      bool

	// ring holds the latest changes, whole from the offsets in begins on.
	ring   []*history.Change
	bytes  int
	begins map[place]int64
}

func newFan() fan {
	return fan{listeners: map[*Listener]bool{}, lives: map[run.ID]map[*Live]bool{}}
}

// forget empties the ring, which begins at next.
func (f *fan) forget(next map[place]int64) {
	f.ring, f.bytes, f.begins = nil, 0, maps.Clone(next)
}

// starts notes where the reading of a partition begins.
func (f *fan) starts(p place, at int64) { f.begins[p] = at }

// anew tells all listeners to begin anew: what was read until now, they were not
// told.
func (t *Tail) anew() {
	t.forget(t.next)
	id := t.id()
	for l := range t.listeners {
		l.offer(Event{ID: id, Anew: true})
	}
}

// spread hands changes out, and keeps those that somebody may resume from.
func (t *Tail) spread(changes []history.Change) {
	id := ""
	if len(t.listeners) > 0 {
		id = t.id()
	}
	for l := range t.listeners {
		last := -1
		for i := range changes {
			if !l.filter.lets(&changes[i]) {
				continue
			}
			if last >= 0 {
				l.offer(Event{Change: &changes[last]})
			}
			last = i
		}
		if last >= 0 && !l.closed {
			l.offer(Event{ID: id, Change: &changes[last]})
		}
	}
	for i := range changes {
		if resumable(changes[i].Kind) {
			c := changes[i] // of its own: the batch may go
			t.ring = append(t.ring, &c)
			t.bytes += sizeOf(&c)
		}
	}
	for len(t.ring) > ringLength || t.bytes > ringBytes {
		c := t.ring[0]
		p := place{c.Topic, c.Partition}
		t.begins[p] = max(t.begins[p], c.Offset+1)
		t.bytes -= sizeOf(c)
		t.ring[0] = nil
		t.ring = t.ring[1:]
	}
}

// sizeOf is about what a change takes.
func sizeOf(c *history.Change) int {
	n := 1 << 10
	if c.Entry != nil {
		n += len(c.Entry.Record)
	}
	if c.Dead != nil {
		n += len(c.Dead.Key) + len(c.Dead.Value)
		if r := c.Dead.Run; r != nil {
			n += 4 << 10
		}
	}
	return n
}

// close ends all who listen.
func (t *Tail) close() {
	t.over = true
	for l := range t.listeners {
		l.end()
	}
	for _, of := range t.lives {
		for l := range of {
			l.end()
		}
	}
}

package claim

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"
)

const (
	// nearAhead is from how long before its time on a run is near: longer than
	// before it is announced, by more than the wall clock may jump unnoticed.
	nearAhead = StartAhead + 3*jumpMost
	// jumpMost is by how much the clocks may differ from how they stood when
	// the far runs were put in order.
	jumpMost = 100 * time.Millisecond
)

// far holds runs by when they are due by the monotonic clock, as the wall clock
// stood to it at set.
type far struct {
	runs []*held
	set  Now
}

// Len implements heap.Interface.
func (f *far) Len() int { return len(f.runs) }

// Less implements heap.Interface.
func (f *far) Less(i, j int) bool { return f.runs[i].at < f.runs[j].at }

// Swap implements heap.Interface.
func (f *far) Swap(i, j int) {
	f.runs[i], f.runs[j] = f.runs[j], f.runs[i]
	f.runs[i].place, f.runs[j].place = int32(i), int32(j)
}

// Push implements heap.Interface.
func (f *far) Push(x any) {
	h := x.(*held)
	h.place = int32(len(f.runs))
	f.runs = append(f.runs, h)
}

// Pop implements heap.Interface.
func (f *far) Pop() any {
	last := len(f.runs) - 1
	h := f.runs[last]
	f.runs[last] = nil
	f.runs = f.runs[:last]
	h.place = -1
	return h
}

// dueAt is when h is due by the monotonic clock.
func (h *held) dueAt(now Now) time.Duration {
	due := h.due(now)
	if at := now.Mono + due; due < 0 || at >= now.Mono {
		return at
	}
	return 1<<63 - 1 // beyond what the clock can say
}

// insert takes a run that was decided to be claimed.
func (q *queue) insert(h *held, now Now) {
	q.bytes += h.size
	h.place = -1
	if h.at = h.dueAt(now); h.unconfirmed || h.at <= now.Mono+nearAhead {
		q.insertNear(h)
		return
	}
	if len(q.far.runs) == 0 {
		q.far.set = now
	}
	heap.Push(&q.far, h)
}

func (q *queue) insertNear(h *held) {
	i, _ := slices.BinarySearchFunc(q.near, h, compareDue)
	q.near = slices.Insert(q.near, i, h)
}

// arrange brings near what comes due soon, whatever the wall clock did, and
// drops what is settled.
func (q *queue) arrange(now Now) {
	if q.settled {
		q.near = slices.DeleteFunc(q.near, func(h *held) bool { return h.stage == settling })
		q.settled = false
	}
	jumped := now.Wall.Sub(q.far.set.Wall) - (now.Mono - q.far.set.Mono)
	if len(q.far.runs) > 0 && jumped.Abs() > jumpMost {
		for _, h := range q.far.runs {
			h.at = h.dueAt(now)
		}
		heap.Init(&q.far)
		q.far.set = now
	}
	for len(q.far.runs) > 0 && q.far.runs[0].at <= now.Mono+nearAhead {
		q.insertNear(heap.Pop(&q.far).(*held))
	}
}

// all returns the runs of which the last word was not said.
func (q *queue) all() []*held { return slices.Concat(q.near, q.far.runs) }

// leave takes h off the order, of which the last word is said.
func (q *queue) leave(h *held) {
	if h.place >= 0 {
		heap.Remove(&q.far, int(h.place))
		return
	}
	q.settled = true
}

// remove takes h off the order if it is there.
func (q *queue) remove(h *held) {
	if h.place >= 0 {
		heap.Remove(&q.far, int(h.place))
	} else if at, ok := slices.BinarySearchFunc(q.near, h, compareDue); ok && q.near[at] == h {
		q.near = slices.Delete(q.near, at, at+1)
	}
}

func compareDue(a, b *held) int {
	return cmp.Or(a.run.NotBefore.Compare(b.run.NotBefore),
		strings.Compare(string(a.run.ID), string(b.run.ID)),
		cmp.Compare(a.run.Fence, b.run.Fence))
}

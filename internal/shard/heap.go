package shard

import (
	"container/heap"
	"math"
	"time"
)

// instant is a time in nanoseconds since 1970, zero for none: there are as
// many as there are jobs, and a time.Time takes three times the room.
type instant int64

func instantOf(t time.Time) instant {
	switch {
	case t.IsZero():
		return 0
	case t.Unix() <= 0: // has been, whatever the clock; years before 1678 do not fit
		return 1
	case t.Year() > 2200: // beyond what fits; looked at again by then
		return math.MaxInt64
	}
	return instant(t.UnixNano())
}

func (i instant) time() time.Time { return time.Unix(0, int64(i)).UTC() }

// reached reports whether it is that time at now; no time never is.
func (i instant) reached(now time.Time) bool { return i != 0 && i <= instant(now.UnixNano()) }

// wakeHeap orders jobs by when they next have something to decide.
type wakeHeap []*entry

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wake < h[j].wake }

func (h wakeHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i), int32(j)
}

// Push implements heap.Interface.
func (h *wakeHeap) Push(x any) {
	e := x.(*entry)
	e.index = int32(len(*h))
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *wakeHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}

// set puts e where wake says; a zero wake takes it out.
func (h *wakeHeap) set(e *entry, wake time.Time) {
	e.wake = instantOf(wake)
	switch {
	case wake.IsZero():
		h.remove(e)
	case e.index < 0:
		heap.Push(h, e)
	default:
		heap.Fix(h, int(e.index))
	}
}

func (h *wakeHeap) remove(e *entry) {
	if e.index >= 0 {
		heap.Remove(h, int(e.index))
	}
}

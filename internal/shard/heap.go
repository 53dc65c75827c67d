package shard

import (
	"container/heap"
	"time"
)

// wakeHeap orders jobs by when they next have something to decide.
type wakeHeap []*entry

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wake.Before(h[j].wake) }

func (h wakeHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *wakeHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
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
	e.wake = wake
	switch {
	case wake.IsZero():
		h.remove(e)
	case e.index < 0:
		heap.Push(h, e)
	default:
		heap.Fix(h, e.index)
	}
}

func (h *wakeHeap) remove(e *entry) {
	if e.index >= 0 {
		heap.Remove(h, e.index)
	}
}

package shard

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Unclaimed counts the runs that were to start before the given time and still
// stand on their queue, although some worker's latest beat reports free slots
// for it. Oldest is when the first of them was to start.
func (s *Shard) Unclaimed(before time.Time) (n int, oldest time.Time) {
	room := map[queueKey]bool{}
	for k, workers := range s.byQueue {
		for _, w := range workers {
			room[k] = room[k] || w.reported > 0
		}
	}
	for _, b := range s.busy {
		for i := range b.st.Active {
			a := &b.st.Active[i]
			if a.State != run.StateQueued || !a.NotBefore.Before(before) || !room[queueKey{a.Cluster, queueOf(a.Attempt)}] {
				continue
			}
			n++
			if oldest.IsZero() || a.NotBefore.Before(oldest) {
				oldest = a.NotBefore
			}
		}
	}
	return n, oldest
}

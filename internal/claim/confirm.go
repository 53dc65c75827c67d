package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Polled is a record of a queue.
type Polled struct {
	Run run.Run
	// At is Kafka's timestamp of the record; zero if nobody knows. Size is the
	// length of its value in bytes.
	At   time.Time
	Size int
	// Doubted: the group has no memory of what was claimed of the partition
	// up to here.
	Doubted bool
}

// aged reports whether a run was staged so long ago that it may have ended, or
// have been handed out anew, without anybody here knowing: by the clock of the
// scheduler or that of Kafka, whichever says older. A run of which neither
// knows is taken for new.
func (p *Polled) aged(now Now) bool {
	for _, at := range []time.Time{p.Run.StagedAt, p.At} {
		if !at.IsZero() && now.Wall.Sub(at) > ConfirmAfter {
			return true
		}
	}
	return false
}

// mostUnconfirmed bounds the runs of a queue that wait for their shards' word,
// so that a group that has lost its memory does not flood shards with claims.
func (q *queue) mostUnconfirmed() int { return max(2*q.slots, leastUnconfirmed) }

// confirmed takes a shard's word that a handing-out counts.
func (s *State) confirmed(c run.Control) {
	if h := s.find(run.Key{ID: c.Run, Fence: c.Fence}); h != nil {
		h.unconfirmed = false
	}
}

// giveUpUnconfirmed returns the runs that no shard speaks of.
func (s *State) giveUpUnconfirmed(q *queue, now Now, out *effects) {
	for _, h := range q.near {
		if h.stage == waiting && h.unconfirmed && now.Mono-h.claimedAt >= ConfirmWait {
			s.giveBack(h, run.ReasonUnconfirmed, out)
		}
	}
}

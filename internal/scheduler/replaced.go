package scheduler

import (
	"slices"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// tellReplaced tells a worker's process that a newer one has taken its name,
// if b, the beat heard last, shows that. Workers do not read each other's
// beats: with many of them that would be most of what Kafka does.
func (w *watcher) tellReplaced(b member.Beat) {
	over, ok := w.view.Ousted(b)
	if !ok || w.told[over.ID] || !speaksFor(w.o.Name, over.ID, w.owners) {
		return
	}
	w.told[over.ID] = true
	w.metrics.replaced.Inc()
	w.control(run.Control{
		Type: run.ControlReplaced, Cluster: over.Cluster, Member: over.ID, Incarnation: over.By,
	}, whatReplaced)
}

// speaksFor reports whether the scheduler speaks to a member: the owner of the
// shard that the member's name hashes to does, and so does the next other
// owner, lest a worker is not told for as long as a dead one counts as living.
func speaksFor(scheduler, id string, owners []string) bool {
	if len(owners) == 0 {
		return false
	}
	at := topic.Partition(id, int32(len(owners)))
	ring := slices.Concat(owners[at:], owners[:at])
	next := slices.IndexFunc(ring, func(owner string) bool { return owner != ring[0] })
	return scheduler == ring[0] || next > 0 && scheduler == ring[next]
}

package shard

import (
	"maps"
	"slices"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// queueKey names one queue of one cluster.
type queueKey struct {
	cluster string
	queue   run.Queue
}

// placeable is a live worker's room: the free slots of its latest beat, those
// not yet taken by what was placed since, and where runs reach it.
type placeable struct {
	worker     string
	partitions []int32
	reported   int
	left       int
	// step is the latest that placed runs here, chosen the partition it uses.
	step   int64
	chosen int32
}

// partition is where this Step's runs reach the worker: one partition for all,
// since each that takes part in a transaction costs it a marker and a wait.
func (p *placeable) partition(step int64, key run.Key) int32 {
	if p.step != step {
		p.step, p.chosen = step, pick(p.partitions, key)
	}
	return p.chosen
}

// learnRoom gathers where there is room from the latest beats.
func (s *Shard) learnRoom() {
	s.byQueue = map[queueKey][]placeable{}
	for _, id := range slices.Sorted(maps.Keys(s.workers)) {
		w := s.workers[id]
		if w.Status != member.StatusLive {
			continue
		}
		s.addRoom(queueKey{w.Cluster, run.QueueRuns}, id, w.Runs)
		s.addRoom(queueKey{w.Cluster, run.QueueRetries}, id, w.Retries)
	}
}

func (s *Shard) addRoom(k queueKey, id string, slots member.Slots) {
	if len(slots.Partitions) > 0 {
		free := max(slots.Free, 0)
		s.byQueue[k] = append(s.byQueue[k], placeable{
			worker: id, partitions: slots.Partitions, reported: free, left: free,
		})
	}
}

// place picks a partition for the run, but not one of the worker to avoid,
// if there are others: a worker is chosen in proportion to the slots it has
// left, so that the shards, who all see the same beats, do not all choose the
// same, though not one that lets runs lie on its queue while there are others.
// Once none has any left, the slots its latest beat reported count, for
// a run staged ahead takes none yet; then all are equal. Without beats it is
// any partition.
func (s *Shard) place(k queueKey, key run.Key, avoid string) int32 {
	room := s.roomFor(k, func(p *placeable) bool { return p.worker != avoid && !s.stuck[p.worker] })
	if len(room) == 0 {
		room = s.roomFor(k, func(*placeable) bool { return true })
	}
	for _, weight := range []func(*placeable) int{
		func(p *placeable) int { return p.left },
		func(p *placeable) int { return p.reported },
		func(*placeable) int { return 1 },
	} {
		if p := choose(room, weight, key); p != nil {
			p.left = max(p.left-1, 0)
			s.placed[key] = p.worker
			return p.partition(s.step, key)
		}
	}
	return AnyPartition
}

func (s *Shard) roomFor(k queueKey, fits func(*placeable) bool) []*placeable {
	room := make([]*placeable, 0, len(s.byQueue[k]))
	for i := range s.byQueue[k] {
		if p := &s.byQueue[k][i]; fits(p) {
			room = append(room, p)
		}
	}
	return room
}

// choose picks in proportion to weight; nil if all weights are zero.
func choose(room []*placeable, weight func(*placeable) int, key run.Key) *placeable {
	total := 0
	for _, p := range room {
		total += weight(p)
	}
	at := int(fraction(key.String()) * float64(total))
	for _, p := range room {
		if at < weight(p) {
			return p
		}
		at -= weight(p)
	}
	return nil
}

func pick(partitions []int32, key run.Key) int32 {
	return partitions[int(fraction("partition/"+key.String())*float64(len(partitions)))]
}

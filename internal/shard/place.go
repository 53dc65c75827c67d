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

// placeable is a live worker's room: how many runs it can take beyond those
// placed since its latest beat, and where they reach it.
type placeable struct {
	partitions []int32
	free       int
}

// learnRoom gathers where there is room from the latest beats.
func (s *Shard) learnRoom() {
	s.byQueue = map[queueKey][]placeable{}
	for _, id := range slices.Sorted(maps.Keys(s.workers)) {
		w := s.workers[id]
		if w.Status != member.StatusLive {
			continue
		}
		s.addRoom(queueKey{w.Cluster, run.QueueRuns}, w.Runs)
		s.addRoom(queueKey{w.Cluster, run.QueueRetries}, w.Retries)
	}
}

func (s *Shard) addRoom(k queueKey, slots member.Slots) {
	if len(slots.Partitions) > 0 {
		s.byQueue[k] = append(s.byQueue[k], placeable{slots.Partitions, slots.Free})
	}
}

// place picks a partition for the run: one owned by a worker with free slots,
// each chosen in proportion to its room so that the shards, who all see the
// same beats, do not all choose the same; without room one of any live
// worker; without beats any partition.
func (s *Shard) place(k queueKey, key run.Key) int32 {
	room := s.byQueue[k]
	if len(room) == 0 {
		return AnyPartition
	}
	total := 0
	for _, p := range room {
		total += max(p.free, 0)
	}
	where := fraction(key.String())
	if total == 0 {
		return pick(room[int(where*float64(len(room)))].partitions, key)
	}
	left := int(where * float64(total))
	for i := range room {
		free := max(room[i].free, 0)
		if left < free {
			room[i].free--
			return pick(room[i].partitions, key)
		}
		left -= free
	}
	return AnyPartition
}

func pick(partitions []int32, key run.Key) int32 {
	return partitions[int(fraction("partition/"+key.String())*float64(len(partitions)))]
}

package topic

import (
	"cmp"
	"slices"
)

// DefaultLanes is how many lanes members has where there are brokers for it.
const DefaultLanes = 3

// Broker is one of Kafka's, and where it stands; Rack is empty if it does not
// tell.
type Broker struct {
	ID   int32
	Rack string
}

// Lanes returns how many lanes members is to have on so many brokers: with less
// than three, each lane would stand still when one of them dies.
func Lanes(brokers int) int32 {
	if brokers < DefaultLanes {
		return 1
	}
	return DefaultLanes
}

// LaneReplicas returns the brokers that are to hold each of n lanes, copies of
// each. Records wait for all replicas in sync, a dead one among them until its
// session has ended: so every broker is left out by some lane. The two of a lane
// stand in different racks as far as possible.
func LaneReplicas(brokers []Broker, n, copies int) [][]int32 {
	ring := spread(brokers)
	lanes := make([][]int32, 0, n)
	for lane := range n {
		first := 2 * lane
		if len(ring)%2 == 0 {
			first += first / len(ring) // other pairs in the next round
		}
		replicas := []int32{ring[first%len(ring)].ID, ring[(first+1)%len(ring)].ID}
		lanes = append(lanes, replicas[:min(copies, len(replicas))])
	}
	return lanes
}

// spread orders brokers so that neighbours stand in different racks: the first of
// each rack, then the second of each.
func spread(brokers []Broker) []Broker {
	ring := slices.Clone(brokers)
	slices.SortFunc(ring, func(a, b Broker) int { return cmp.Or(cmp.Compare(a.Rack, b.Rack), cmp.Compare(a.ID, b.ID)) })
	turn, seen := map[int32]int{}, map[string]int{}
	for _, b := range ring {
		turn[b.ID] = seen[b.Rack]
		seen[b.Rack]++
	}
	slices.SortStableFunc(ring, func(a, b Broker) int { return cmp.Compare(turn[a.ID], turn[b.ID]) })
	return ring
}

// Freed returns whether each broker is left out by some lane.
func Freed(lanes [][]int32) bool {
	count := map[int32]int{}
	for _, replicas := range lanes {
		for _, id := range replicas {
			count[id]++
		}
	}
	for _, n := range count {
		if n == len(lanes) {
			return false
		}
	}
	return true
}

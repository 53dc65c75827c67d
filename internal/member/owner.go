package member

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
)

// Owners says which scheduler owns each of shards shards: a pure function of
// the log of beats.
func (v *View) Owners(shards int32) []string { return Owners(v.Schedulers(), shards) }

// Owners says which of the live among the schedulers owns each of shards
// shards.
func Owners(schedulers []Member, shards int32) []string {
	var live []string
	for _, m := range schedulers {
		if m.Status == StatusLive {
			live = append(live, m.ID)
		}
	}
	return Assign(live, shards)
}

// Assign gives each shard to one of the live schedulers by rendezvous
// hashing (Thaler and Ravishankar, 1998), none more than ⌈shards/live⌉, so
// that a change of one scheduler moves few shards. Without a scheduler all
// owners are empty.
func Assign(live []string, shards int32) []string {
	owners := make([]string, shards)
	if len(live) == 0 {
		return owners
	}
	type bid struct {
		shard  int32
		id     string
		weight uint64
	}
	bids := make([]bid, 0, int(shards)*len(live))
	for shard := range shards {
		for _, id := range live {
			bids = append(bids, bid{shard, id, weight(id, shard)})
		}
	}
	slices.SortFunc(bids, func(a, b bid) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.id, b.id), cmp.Compare(a.shard, b.shard))
	})
	room := (int(shards) + len(live) - 1) / len(live)
	owned := map[string]int{}
	for _, b := range bids {
		if owners[b.shard] == "" && owned[b.id] < room {
			owners[b.shard] = b.id
			owned[b.id]++
		}
	}
	return owners
}

func weight(id string, shard int32) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id + "/" + strconv.Itoa(int(shard))))
	// FNV alone leaves neighbouring shards close together; the finalizer of
	// MurmurHash3 spreads them.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

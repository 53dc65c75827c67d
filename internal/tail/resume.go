package tail

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/history"
)

// idVersion is the first byte of an ID.
const idVersion = 1

// An ID says how far the topics were read of whose changes listeners hear: for
// each partition the hash of its topic's name, its number, and the next offset.
// It is the same on every server, so that any of them can resume from it.

// tells reports whether a topic's changes can be resumed.
func (t *Tail) tells(name string) bool {
	return name != t.o.Names.Members() && !strings.HasPrefix(name, t.o.Names.Output(""))
}

// id is where listeners resume who have heard everything.
func (t *Tail) id() string {
	places := slices.SortedFunc(maps.Keys(t.next), func(a, b place) int {
		return cmp.Or(strings.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	b := []byte{idVersion}
	for _, p := range places {
		if !t.tells(p.topic) {
			continue
		}
		b = binary.BigEndian.AppendUint32(b, hashed(p.topic))
		b = binary.AppendUvarint(b, uint64(p.partition))
		b = binary.AppendUvarint(b, uint64(t.next[p]))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashed(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash takes it all
	return h.Sum32()
}

// spot is a place in an ID.
type spot struct {
	topic     uint32
	partition uint64
}

// parse reads an ID, nil if it is none.
func parse(id string) map[spot]int64 {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) == 0 || b[0] != idVersion {
		return nil
	}
	b = b[1:]
	all := map[spot]int64{}
	for len(b) > 0 {
		if len(b) < 4 {
			return nil
		}
		s := spot{topic: binary.BigEndian.Uint32(b)}
		b = b[4:]
		var n int
		if s.partition, n = binary.Uvarint(b); n <= 0 {
			return nil
		}
		b = b[n:]
		at, n := binary.Uvarint(b)
		if n <= 0 || at > 1<<62 {
			return nil
		}
		b = b[n:]
		all[s] = int64(at)
	}
	return all
}

// since returns what changed since an ID; or true if the ring does not reach
// back so far.
func (t *Tail) since(f *Filter, id string) ([]Event, bool) {
	heard := parse(id)
	if heard == nil || !t.ready {
		return nil, true
	}
	at := func(p place) int64 { return heard[spot{hashed(p.topic), uint64(p.partition)}] }
	for p, begins := range t.begins {
		if t.tells(p.topic) && at(p) < begins {
			return nil, true
		}
	}
	var missed []*history.Change
	for _, c := range t.ring {
		if c.Offset >= at(place{c.Topic, c.Partition}) && f.lets(c) {
			missed = append(missed, c)
		}
	}
	events := make([]Event, len(missed))
	for i, c := range missed {
		events[i].Change = c
	}
	if n := len(events); n > 0 {
		events[n-1].ID = t.id()
	}
	return events, false
}

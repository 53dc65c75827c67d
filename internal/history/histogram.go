package history

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// growth is how much longer the durations of a histogram's bucket are than
// those of the bucket before: what it tells is at most so much too high.
const growth = 1.1

// histogram counts durations by bucket: bucket n holds what is longer than
// growth^(n-1) ms, and at most growth^n ms; bucket 0 also what is shorter.
type histogram map[int64]int64

func bucketOf(d time.Duration) int64 {
	ms := float64(d) / float64(time.Millisecond)
	if ms <= 1 {
		return 0
	}
	return int64(math.Ceil(math.Log(ms)/math.Log(growth) - 1e-9))
}

func (h histogram) add(d time.Duration, n int64) {
	b := bucketOf(d)
	if h[b] += n; h[b] == 0 {
		delete(h, b)
	}
}

func (h histogram) merge(other histogram) {
	for b, n := range other {
		if h[b] += n; h[b] == 0 {
			delete(h, b)
		}
	}
}

// quantile returns the duration that a share of those counted do not exceed; 0
// of none.
func (h histogram) quantile(share float64) time.Duration {
	var all int64
	for _, n := range h {
		all += n
	}
	rank := rankOf(share, int(all))
	for _, b := range slices.Sorted(maps.Keys(h)) {
		if rank -= int(h[b]); rank < 0 {
			return time.Duration(math.Pow(growth, float64(b)) * float64(time.Millisecond))
		}
	}
	return 0
}

// quantile returns the duration that a share of those given do not exceed; 0
// of none. It sorts them.
func quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.SortFunc(all, cmp.Compare[time.Duration])
	return all[rankOf(share, len(all))]
}

// rankOf is the place of a quantile among so many, counted from 0.
func rankOf(share float64, n int) int {
	return max(0, int(math.Ceil(share*float64(n)))-1)
}

func packHistogram(h histogram) []byte {
	w := &writing{b: make([]byte, 0, 4*len(h)+1)}
	w.b = append(w.b, packVersion)
	for _, b := range slices.Sorted(maps.Keys(h)) {
		w.number(b)
		w.number(h[b])
	}
	return w.b
}

func unpackHistogram(body []byte) (histogram, error) {
	if len(body) == 0 || body[0] != packVersion {
		return nil, errPacked
	}
	r, h := &reading{b: body[1:]}, histogram{}
	for len(r.b) > 0 {
		b := r.number()
		h[b] = r.number()
	}
	if r.bad {
		return nil, errPacked
	}
	return h, nil
}

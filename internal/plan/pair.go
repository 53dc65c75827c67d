package plan

import "slices"

// pair makes moves of removed and added due times, both in order: each pair
// of which either is the nearest to the other, then the same between those
// pairs, until one side has run out. So no two moves cross. What is left was
// removed or added. The fires come in order of time.
func pair(removed, added []int64) []Fire {
	fires := []Fire{}
	pairInto(&fires, removed, added)
	slices.SortStableFunc(fires, func(a, b Fire) int { return a.At().Compare(b.At()) })
	return fires
}

func pairInto(fires *[]Fire, removed, added []int64) {
	if len(removed) == 0 || len(added) == 0 {
		for _, at := range removed {
			*fires = append(*fires, fire(Removed, at, at))
		}
		for _, at := range added {
			*fires = append(*fires, fire(Added, at, at))
		}
		return
	}
	toAdded, toRemoved := nearest(removed, added), nearest(added, removed)
	doneRemoved, doneAdded := 0, 0
	for i, k := range toAdded {
		if toRemoved[k] != i {
			continue
		}
		pairInto(fires, removed[doneRemoved:i], added[doneAdded:k])
		*fires = append(*fires, fire(Moved, removed[i], added[k]))
		doneRemoved, doneAdded = i+1, k+1
	}
	pairInto(fires, removed[doneRemoved:], added[doneAdded:])
}

// nearest is, for each of the times, the place of the nearest among others;
// of two as near, the earlier.
func nearest(times, others []int64) []int {
	out := make([]int, len(times))
	k := 0
	for i, at := range times {
		for k+1 < len(others) && distance(others[k+1], at) < distance(others[k], at) {
			k++
		}
		out[i] = k
	}
	return out
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

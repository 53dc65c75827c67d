package plan

import "time"

// Load is how many due times fall on each minute of a window.
type Load struct {
	From      time.Time
	PerMinute []int
}

func newLoad(w Window) Load {
	minutes := (w.To.Sub(w.From) + time.Minute - 1) / time.Minute
	return Load{From: w.From, PerMinute: make([]int, max(minutes, 0))}
}

func (l *Load) count(at int64) {
	l.PerMinute[min(int((at-l.From.Unix())/60), len(l.PerMinute)-1)]++
}

// Peak is the busiest minute, the first of several.
func (l Load) Peak() (at time.Time, count int) {
	at = l.From
	for i, n := range l.PerMinute {
		if n > count {
			at, count = l.From.Add(time.Duration(i)*time.Minute), n
		}
	}
	return at, count
}

// Total is the number of due times.
func (l Load) Total() int {
	total := 0
	for _, n := range l.PerMinute {
		total += n
	}
	return total
}

// Columns is the load in columns of so many minutes: each the busiest minute
// of its own.
func (l Load) Columns(minutes int) []int {
	out := make([]int, 0, (len(l.PerMinute)+minutes-1)/minutes)
	for i, n := range l.PerMinute {
		if i%minutes == 0 {
			out = append(out, 0)
		}
		out[len(out)-1] = max(out[len(out)-1], n)
	}
	return out
}

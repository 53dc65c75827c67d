package claim

import "time"

// Overdue counts the runs held that are past their time and have not been
// handed to the executor, although fewer commands run than there are slots.
// Longest is for how long the first of them has waited here.
func (s *State) Overdue(now Now) (n int, longest time.Duration) {
	for _, q := range s.queues() {
		if q.tally(now).executing >= q.slots {
			continue
		}
		for _, h := range q.near {
			if waited := h.waited(now); h.unexecuted() && waited > 0 {
				n++
				longest = max(longest, waited)
			}
		}
	}
	return n, longest
}

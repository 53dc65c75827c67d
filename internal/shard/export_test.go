package shard

import (
	"cmp"
	"slices"
)

// State returns what the shard holds of a job, for tests that hold it against
// what the log makes of it.
func (s *Shard) State(name string) (JobState, bool) {
	e := s.job(name)
	if e == nil {
		return JobState{}, false
	}
	st := snapshot(*e.st)
	slices.SortFunc(st.Active, func(a, b Active) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	s.closeOpened()
	return st, true
}

// Remembered counts all that the shard holds of jobs and runs beside the jobs
// themselves.
func (s *Shard) Remembered() int {
	return len(s.wakes) + len(s.busy) + len(s.unseen) + len(s.heard) + len(s.late) + len(s.asked) + len(s.placed) + len(s.moves) +
		len(s.recalled) + len(s.backfilling) + len(s.waiting) + len(s.stateless) + len(s.point.dirty) + len(s.point.round)
}

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

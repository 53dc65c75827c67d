package schedule

// Describe is the schedule in words.
func (s *Schedule) Describe() string { return s.String() }

package claim

// Beat is what a worker's beat says of its runs.
type Beat struct {
	// FreeSlots and FreeRetrySlots are the slots that neither a run nor one
	// waiting for nothing but a slot will take.
	FreeSlots      int
	FreeRetrySlots int
	// Held and Started are the keys of the runs it answers for, split by
	// whether `starting` was sent. A key stays until the run's last event is
	// in the log.
	Held    []string
	Started []string
}

// Beat returns what the beat sent now says.
func (s *State) Beat(now Now) Beat {
	var b Beat
	for _, q := range s.queues() {
		q.prune(now)
		for _, h := range q.order {
			if h.announced {
				b.Started = append(b.Started, h.run.Key().String())
			} else {
				b.Held = append(b.Held, h.run.Key().String())
			}
		}
		free := 0
		if !s.draining {
			free = max(0, q.free()-q.overdue(now))
		}
		q.reported = append(q.reported, report{at: now.Mono, free: free})
	}
	b.FreeSlots = s.runs.reported[len(s.runs.reported)-1].free
	b.FreeRetrySlots = s.retries.reported[len(s.retries.reported)-1].free
	return b
}

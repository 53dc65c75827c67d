package claim

// Beat is what a worker's beat says of its runs.
type Beat struct {
	// FreeSlots and FreeRetrySlots are the slots that will not be taken within
	// the second: neither by runs that have one, nor by those held that come
	// due, as far as the slots that come free meanwhile do not suffice.
	FreeSlots      int
	FreeRetrySlots int
	// ClaimsRuns and ClaimsRetries report whether the worker is able to claim
	// from the partitions it owns.
	ClaimsRuns    bool
	ClaimsRetries bool
	// Held and Started are the keys of the runs it answers for, split by
	// whether `starting` was sent. A key stays until the run's last event is
	// in the log. Unlisted is how many more there are: a beat is a record of
	// bounded size.
	Held     []string
	Started  []string
	Unlisted int
}

// Beat returns what the beat sent now says.
func (s *State) Beat(now Now) Beat {
	var b Beat
	b.list(s)
	for _, q := range s.queues() {
		q.prune(now)
		free := 0
		if !s.draining {
			free = q.freeSoon(now)
		}
		q.reported = append(q.reported, report{at: now.Mono, free: free})
	}
	b.FreeSlots = s.runs.reported[len(s.runs.reported)-1].free
	b.FreeRetrySlots = s.retries.reported[len(s.retries.reported)-1].free
	b.ClaimsRuns, b.ClaimsRetries = s.runs.claims(now), s.retries.claims(now)
	return b
}

// list names the runs, those started first: more is lost if a shard does not
// know of them.
func (b *Beat) list(s *State) {
	size := 0
	for _, started := range []bool{true, false} {
		keys := &b.Held
		if started {
			keys = &b.Started
		}
		for _, q := range s.queues() {
			for _, h := range q.order {
				if h.announced != started {
					continue
				}
				key := h.run.Key().String()
				if size += encoded(key); len(b.Held)+len(b.Started) == maxListed || size > maxListedBytes {
					b.Unlisted++
					continue
				}
				*keys = append(*keys, key)
			}
		}
	}
}

// encoded is the size of a key in a JSON array at the most.
func encoded(key string) int {
	n := len(`"",`)
	for _, c := range []byte(key) {
		if n++; c < ' ' || c > '~' || c == '"' || c == '\\' {
			n += len(`\u0000`) - 1
		}
	}
	return n
}

// freeSoon returns how many slots nothing will take within a second.
func (q *queue) freeSoon(now Now) int {
	t := q.tally(now)
	return max(0, q.slots-t.taken-max(t.due, q.dueWithin(rateOver, now)-len(q.exits)))
}

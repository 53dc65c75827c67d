package web

import (
	"time"

	"github.com/belfry-cron/belfry/internal/history"
)

// wishFor is how long a pause or a resume that was asked for here counts as
// done: shards write the states of their jobs once a minute, and history knows
// of it only then.
const wishFor = 90 * time.Second

// wish is what somebody asked for.
type wish struct {
	paused bool
	until  time.Time
}

// wishes are what was asked for through these pages and history does not know
// yet, by job. There are as many as one can ask for within wishFor.
type wishes map[string]wish

// note takes in what somebody asked for, and forgets what has had its time.
func (w wishes) note(name string, paused bool, now time.Time) {
	for old, one := range w {
		if now.After(one.until) {
			delete(w, old)
		}
	}
	w[name] = wish{paused, now.Add(wishFor)}
}

// wished brings a job to what somebody asked for. A job that is paused by its
// definition stays so.
func (s *Site) wished(j *history.JobRow, now time.Time) {
	s.mu.Lock()
	one, ok := s.wishes[j.Job.Job.Name]
	s.mu.Unlock()
	if ok && now.Before(one.until) && !j.Job.Job.Paused {
		j.Paused = one.paused
	}
}

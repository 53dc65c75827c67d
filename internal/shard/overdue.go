package shard

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Overdue is how many runs of a cluster were to start before a moment and have
// not, wherever they are, and when the first of them was to start.
type Overdue struct {
	Runs   int
	Oldest time.Time
}

// Overdue counts, by cluster, the runs that were to start before the given
// time. Due times that wait for an earlier run of their job are not among them.
func (s *Shard) Overdue(before time.Time) map[string]Overdue {
	all := map[string]Overdue{}
	for _, b := range s.busy {
		for i := range b.st.Active {
			a := &b.st.Active[i]
			if a.State == run.StateStarted || !a.NotBefore.Before(before) {
				continue
			}
			o := all[a.Cluster]
			if o.Runs++; o.Oldest.IsZero() || a.NotBefore.Before(o.Oldest) {
				o.Oldest = a.NotBefore
			}
			all[a.Cluster] = o
		}
	}
	return all
}

package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Options bound what a ledger keeps; zero keeps everything.
type Options struct {
	// PerJob is how many runs, and how many skips, are kept of each job: the
	// oldest go first, ended runs before unfinished ones.
	PerJob int
}

// Ledger is what became of the due times of all jobs folded into it.
type Ledger struct {
	o    Options
	jobs map[string]*history
	runs map[run.ID]*Run
	gone int
}

// history is one job's part, in the order of the log.
type history struct {
	runs  []*Run
	skips []Skip
}

// New returns an empty ledger.
func New(o Options) *Ledger {
	return &Ledger{o: o, jobs: map[string]*history{}, runs: map[run.ID]*Run{}}
}

// Dropped counts the runs and skips that no longer fit.
func (l *Ledger) Dropped() int { return l.gone }

// Run returns the run of that ID.
func (l *Ledger) Run(id run.ID) (Run, bool) {
	r, ok := l.runs[id]
	if !ok {
		return Run{}, false
	}
	return r.clone(), true
}

// Put takes a run in that a ledger returned earlier, in the place of what is
// known of it: folding goes on from there.
func (l *Ledger) Put(r Run) {
	c := r.clone()
	if known, ok := l.runs[r.ID]; ok {
		*known = c
		return
	}
	l.runs[r.ID] = &c
	h := l.history(r.Job)
	h.runs = append(h.runs, &c)
	l.trim(h)
}

// Find returns the runs whose ID begins with prefix, newest due time first.
func (l *Ledger) Find(prefix string) []Run {
	var found []Run
	for id, r := range l.runs {
		if strings.HasPrefix(string(id), prefix) {
			found = append(found, r.clone())
		}
	}
	slices.SortFunc(found, newestFirst)
	return found
}

// Runs returns all runs, newest due time first.
func (l *Ledger) Runs() []Run { return l.Find("") }

// Skips returns all skips, newest due time first.
func (l *Ledger) Skips() []Skip {
	var all []Skip
	for _, h := range l.jobs {
		all = append(all, h.skips...)
	}
	slices.SortFunc(all, func(a, b Skip) int {
		return cmp.Or(b.Due.Compare(a.Due), cmp.Compare(a.Job, b.Job))
	})
	return all
}

// Entry is what became of one due time, or of several that were skipped for
// one reason: exactly one of Run and Skip is set.
type Entry struct {
	Due  time.Time `json:"due"`
	Run  *Run      `json:"run,omitempty"`
	Skip *Skip     `json:"skip,omitempty"`
}

// Entries returns what is known of the job's due times from from to to, both
// included, in their order. A skip that reaches into that time is there too.
func (l *Ledger) Entries(job string, from, to time.Time) []Entry {
	h := l.jobs[job]
	if h == nil {
		return nil
	}
	var entries []Entry
	for _, r := range h.runs {
		if !r.Due.Before(from) && !r.Due.After(to) {
			c := r.clone()
			entries = append(entries, Entry{Due: r.Due, Run: &c})
		}
	}
	for i := range h.skips {
		if s := h.skips[i]; !s.Through.Before(from) && !s.Due.After(to) {
			entries = append(entries, Entry{Due: s.Due, Skip: &s})
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Due.Compare(b.Due) })
	return entries
}

// run returns the run an event speaks of, made if it is new.
func (l *Ledger) run(e *run.Event) *Run {
	r, ok := l.runs[e.Run]
	if !ok {
		r = &Run{ID: e.Run, Job: e.Job, State: run.StateQueued}
		l.runs[e.Run] = r
		h := l.history(e.Job)
		h.runs = append(h.runs, r)
		l.trim(h)
	}
	r.Cluster = cmp.Or(e.Cluster, r.Cluster)
	r.Trigger = cmp.Or(e.Trigger, r.Trigger)
	if r.Due.IsZero() {
		r.Due = e.Due
	}
	return r
}

func (l *Ledger) skip(e *run.Event) {
	s := Skip{
		Job: e.Job, Due: e.Due, Through: e.Through, Count: e.Count,
		Reason: e.Reason, At: e.At, By: e.By,
	}
	if s.Through.Before(s.Due) {
		s.Through = s.Due
	}
	h := l.history(e.Job)
	h.skips = append(h.skips, s)
	l.trim(h)
}

func (l *Ledger) history(job string) *history {
	h := l.jobs[job]
	if h == nil {
		h = &history{}
		l.jobs[job] = h
	}
	return h
}

// trim keeps to the bound, letting the newest run in at any price.
func (l *Ledger) trim(h *history) {
	if l.o.PerJob <= 0 {
		return
	}
	for len(h.runs) > l.o.PerJob {
		i := max(slices.IndexFunc(h.runs[:len(h.runs)-1], func(r *Run) bool { return r.Ended() }), 0)
		delete(l.runs, h.runs[i].ID)
		h.runs = slices.Delete(h.runs, i, i+1)
		l.gone++
	}
	for len(h.skips) > l.o.PerJob {
		h.skips = slices.Delete(h.skips, 0, 1)
		l.gone++
	}
}

func newestFirst(a, b Run) int {
	return cmp.Or(b.Due.Compare(a.Due), cmp.Compare(a.Job, b.Job), cmp.Compare(a.ID, b.ID))
}

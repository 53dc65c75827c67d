package plan

import (
	"math"
	"time"
)

// Next names the first due time strictly after an instant, as the method of
// schedule.Schedule does; nil stands for a job that is never due.
type Next func(after time.Time) (time.Time, bool)

// Due is when a job is due. Skipped, if it is not nil, tells the due times
// that are not run: those do not count.
type Due struct {
	Next    Next
	Skipped func(at time.Time) bool
}

// Window is a span of time, without its end.
type Window struct{ From, To time.Time }

// Job is one job before and after a change. Same says that both fire alike,
// so that they need not be compared.
type Job struct {
	Name          string
	Before, After Due
	Same          bool
}

// FireKind is what becomes of a due time.
type FireKind string

// The kinds. A due time that stays has none.
const (
	Added   FireKind = "added"
	Removed FireKind = "removed"
	Moved   FireKind = "moved"
)

// Fire is a due time that differs: Was is zero for one added, Now for one
// removed.
type Fire struct {
	Kind FireKind  `json:"kind"`
	Was  time.Time `json:"was,omitzero"`
	Now  time.Time `json:"now,omitzero"`
}

// At is where the fire stands in time.
func (f Fire) At() time.Time {
	if f.Was.IsZero() || !f.Now.IsZero() && f.Now.Before(f.Was) {
		return f.Now
	}
	return f.Was
}

// MaxListed bounds the due times of one job that are held and paired. A job
// with more of them that differ is only counted: nothing is Moved then.
const MaxListed = 2000

// Diff is how the due times of one job differ.
type Diff struct {
	Job     string `json:"job"`
	Kept    int    `json:"kept"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
	Moved   int    `json:"moved"`

	// Counted says that there were too many to list; Fires then holds the
	// first and the last that were added and removed.
	Counted bool   `json:"counted,omitzero"`
	Fires   []Fire `json:"fires"`
}

// Differs says whether any due time does.
func (d Diff) Differs() bool { return d.Added+d.Removed+d.Moved > 0 }

// Result is what Compare found: one Diff for each job, in the order they were
// given, and the due times of all jobs in each minute.
type Result struct {
	Jobs          []Diff
	Before, After Load
}

// Compare walks through the due times of jobs in a window.
func Compare(jobs []Job, w Window) Result {
	r := Result{Jobs: make([]Diff, 0, len(jobs)), Before: newLoad(w), After: newLoad(w)}
	for _, j := range jobs {
		c := comparison{diff: Diff{Job: j.Name, Fires: []Fire{}}}
		before := walk{due: j.Before, end: w.To}
		before.start(w.From)
		if j.Same {
			for ; before.at != never; before.step() {
				c.diff.Kept++
				r.Before.count(before.at)
				r.After.count(before.at)
			}
			r.Jobs = append(r.Jobs, c.diff)
			continue
		}
		after := walk{due: j.After, end: w.To}
		after.start(w.From)
		for before.at != never || after.at != never {
			switch {
			case before.at == after.at:
				c.diff.Kept++
				r.Before.count(before.at)
				r.After.count(after.at)
				before.step()
				after.step()
			case before.at < after.at:
				r.Before.count(before.at)
				c.removed.add(before.at)
				before.step()
			default:
				r.After.count(after.at)
				c.added.add(after.at)
				after.step()
			}
		}
		r.Jobs = append(r.Jobs, c.finish())
	}
	return r
}

// walk goes through due times, in Unix seconds: schedules have no finer ones.
type walk struct {
	due Due
	end time.Time
	at  int64
}

// never is behind every due time.
const never = math.MaxInt64

func (w *walk) start(from time.Time) { w.after(from.Add(-1)) }
func (w *walk) step()                { w.after(time.Unix(w.at, 0)) }

func (w *walk) after(t time.Time) {
	w.at = never
	if w.due.Next == nil {
		return
	}
	for {
		next, ok := w.due.Next(t)
		if !ok || !next.Before(w.end) {
			return
		}
		if w.due.Skipped == nil || !w.due.Skipped(next) {
			w.at = next.Unix()
			return
		}
		t = next
	}
}

// comparison is what was found of one job.
type comparison struct {
	diff           Diff
	added, removed times
}

// times are due times: all up to a limit, and the last.
type times struct {
	count  int
	listed []int64
	last   int64
}

func (t *times) add(at int64) {
	t.count++
	t.last = at
	if len(t.listed) < MaxListed {
		t.listed = append(t.listed, at)
	}
}

func (c *comparison) finish() Diff {
	d := c.diff
	d.Added, d.Removed = c.added.count, c.removed.count
	if max(d.Added, d.Removed) > MaxListed {
		d.Counted = true
		d.Fires = append(c.removed.ends(Removed), c.added.ends(Added)...)
		return d
	}
	d.Fires = pair(c.removed.listed, c.added.listed)
	for _, f := range d.Fires {
		if f.Kind == Moved {
			d.Moved++
		}
	}
	d.Added -= d.Moved
	d.Removed -= d.Moved
	return d
}

// ends are the first and the last of them.
func (t *times) ends(kind FireKind) []Fire {
	if t.count == 0 {
		return nil
	}
	ends := []int64{t.listed[0]}
	if t.count > 1 {
		ends = append(ends, t.last)
	}
	out := make([]Fire, 0, len(ends))
	for _, at := range ends {
		out = append(out, fire(kind, at, at))
	}
	return out
}

// fire makes one of Unix seconds, of which its kind uses one or both.
func fire(kind FireKind, was, now int64) Fire {
	f := Fire{Kind: kind}
	if kind != Added {
		f.Was = time.Unix(was, 0).UTC()
	}
	if kind != Removed {
		f.Now = time.Unix(now, 0).UTC()
	}
	return f
}

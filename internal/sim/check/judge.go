package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// grace is how late a due time may be decided without counting as missed,
// and lostAttempts what on_lost: retry grants at the least: both are promises
// made to users.
const (
	grace        = 10 * time.Second
	lostAttempts = 3
	// ahead bounds the lead: how early a due time may be in the ledger.
	ahead = time.Minute
)

// judge gathers the evidence by job and run.
type judge struct {
	e          Evidence
	books      map[string]*book
	names      []string // of books, in order of appearance
	runs       map[run.ID]*history
	order      []*history
	violations []Violation
	counts     Report
	walked     map[string][]time.Time
	// untaken counts the reports of an end that the shard did not take, by
	// handing-out, less those there are: below zero, one was taken.
	untaken map[run.Key]int
	// backfills are those of which the ledger says something, by ID.
	backfills map[string]bool
}

// book is all about one job.
type book struct {
	defs   []*tenure
	fence  int64
	open   map[run.ID]bool
	named  map[int64]run.ID // scheduled due times in the ledger
	spans  []run.Event
	pauses []Request
	edits  int
}

// tenure is one definition and when it held: from at on surely as of acted,
// until the next was written, and at the latest acted on.
type tenure struct {
	def               *job.Job
	at, acted         time.Time
	until, untilActed time.Time
	dues              []time.Time
}

// history is one run.
type history struct {
	id      run.ID
	job     string
	due     time.Time
	trigger run.Trigger
	events  []*run.Event
	lines   []*Line

	attempt  int
	fence    int64
	freed    bool // the latest handing-out was returned, dropped or lost
	retrying bool
	deferred bool
	final    *run.Event

	// born are the fences with which a run of that name began anew, since
	// its job had been deleted; deadBefore counts its deaths until then.
	born       []int64
	deadBefore int
}

// begin opens another life of the run, whose fences begin at one.
func (h *history) begin(fence int64) {
	h.born = append(h.born, fence)
	if h.final.State == run.StateDead {
		h.deadBefore++
	}
	h.final, h.attempt, h.freed, h.retrying, h.deferred = nil, 0, false, false, false
}

// life says in which of the run's lives a fence was given out.
func (h *history) life(fence int64) int {
	n := 0
	for _, b := range h.born {
		if fence >= b {
			n++
		}
	}
	return n
}

// shown is the run's evidence as text.
func (h *history) shown() []string {
	type at struct {
		t    time.Time
		text string
	}
	var all []at
	for _, ev := range h.events {
		text := fmt.Sprintf("%s event %s attempt %d fence %d", stamp(ev.At), ev.Type, ev.Attempt, ev.Fence)
		if ev.By != "" {
			text += " by " + ev.By
		}
		if ev.State != "" {
			text += " " + string(ev.State)
		}
		if ev.Reason != "" {
			text += " (" + ev.Reason + ")"
		}
		if ev.Outcome != nil {
			text += fmt.Sprintf(" outcome %s exit %d", ev.Outcome.State, ev.Outcome.ExitCode)
		}
		all = append(all, at{ev.At, text})
	}
	for _, l := range h.lines {
		all = append(all, at{l.At, fmt.Sprintf("%s line  %s attempt %d fence %d on %s exit %d", stamp(l.At), l.Word, l.Attempt, l.Fence, l.Host, l.Exit)})
	}
	slices.SortStableFunc(all, func(a, b at) int { return a.t.Compare(b.t) })
	texts := make([]string, len(all))
	for i := range all {
		texts[i] = all[i].text
	}
	return texts
}

func newJudge(e Evidence) *judge {
	return &judge{e: e, books: map[string]*book{}, runs: map[run.ID]*history{}, walked: map[string][]time.Time{}, untaken: map[run.Key]int{}, backfills: map[string]bool{}}
}

func (j *judge) book(name string) *book {
	b := j.books[name]
	if b == nil {
		b = &book{open: map[run.ID]bool{}, named: map[int64]run.ID{}}
		j.books[name] = b
		j.names = append(j.names, name)
	}
	return b
}

func (j *judge) history(id run.ID, jobName string, due time.Time) *history {
	h := j.runs[id]
	if h == nil {
		h = &history{id: id, job: jobName, due: due}
		j.runs[id] = h
		j.order = append(j.order, h)
	}
	return h
}

// readJobs lays out which definition held when.
func (j *judge) readJobs() error {
	for i := range j.e.Jobs {
		d := &j.e.Jobs[i]
		b := j.book(d.Name)
		if n := len(b.defs); n > 0 && b.defs[n-1].until.IsZero() {
			b.defs[n-1].until, b.defs[n-1].untilActed = d.At, d.Acted
			b.edits++
		}
		t := &tenure{def: d.Job, at: d.At, acted: d.Acted}
		b.defs = append(b.defs, t)
		if d.Job == nil || d.Job.Schedule == "" {
			continue
		}
		dues, err := j.walk(d.Job)
		if err != nil {
			return fmt.Errorf("job %s: %w", d.Name, err)
		}
		t.dues = dues
	}
	for _, r := range j.e.Requests {
		if r.Type == run.RequestPause {
			b := j.book(r.Job)
			b.pauses = append(b.pauses, r)
		}
	}
	return nil
}

// walk names the due times of a definition over all of the evidence, and the
// skew around it.
func (j *judge) walk(d *job.Job) ([]time.Time, error) {
	key := fmt.Sprintf("%s|%v|%s", d.Schedule, d.Seconds, d.Timezone)
	if dues, ok := j.walked[key]; ok {
		return dues, nil
	}
	x, err := understand(d.Schedule, d.Seconds, d.Timezone)
	if err != nil {
		return nil, err
	}
	around := ahead + j.e.Limits.Skew
	dues := x.dues(j.e.From.Add(-around), j.e.Collected.Add(around))
	j.walked[key] = dues
	return dues, nil
}

// names reports whether the definition names that due time.
func (t *tenure) names(due time.Time) bool {
	_, ok := slices.BinarySearchFunc(t.dues, due, time.Time.Compare)
	return ok
}

// within counts the due times from first through last.
func (t *tenure) within(first, last time.Time) int {
	lo, _ := slices.BinarySearchFunc(t.dues, first, time.Time.Compare)
	hi, found := slices.BinarySearchFunc(t.dues, last, time.Time.Compare)
	if found {
		hi++
	}
	return max(0, hi-lo)
}

// possible are the definitions that may have been in force at an instant.
func (j *judge) possible(b *book, at time.Time) []*job.Job {
	var defs []*job.Job
	skew := j.e.Limits.Skew
	for _, t := range b.defs {
		if t.def == nil || at.Add(skew).Before(t.at) || !t.until.IsZero() && at.Add(-skew).After(t.untilActed) {
			continue
		}
		defs = append(defs, t.def)
	}
	return defs
}

// some reports whether a definition possibly in force at an instant has a
// property.
func (j *judge) some(b *book, at time.Time, has func(*job.Job) bool) bool {
	return slices.ContainsFunc(j.possible(b, at), has)
}

// largest is the largest of a length over the definitions possibly in force,
// and false if one of them has none.
func (j *judge) largest(b *book, at time.Time, of func(*job.Job) time.Duration) (time.Duration, bool) {
	defs := j.possible(b, at)
	most := time.Duration(0)
	for _, d := range defs {
		if of(d) <= 0 {
			return 0, false
		}
		most = max(most, of(d))
	}
	return most, len(defs) > 0
}

// linesByTime puts the lines into the order in which they were written.
func linesByTime(lines []*Line) {
	slices.SortStableFunc(lines, func(a, b *Line) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Fence, b.Fence))
	})
}

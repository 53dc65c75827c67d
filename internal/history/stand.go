package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// stripRuns is how many runs are in a strip.
	stripRuns = 30
	// tailRuns is of how many runs of a job the output is kept, however they
	// ended.
	tailRuns = 20
)

// stand is how a job stands: what follows from its rows, and from its
// definition. It is the same however the rows came to be there.
type stand struct {
	strip                []StripRun // newest first
	running, queued      int64
	ended, skips         int64
	lastSuccess, lastEnd int64 // 0: none
	newest               int64 // 0: none
	oldest               int64 // 0: none
	overdue              int64 // 0: never
	stale                staleness
	waitsMayHaveChanged  bool
}

// staleness says what the rows have to be asked for, since it cannot be told
// from what changed.
type staleness struct{ strip, lastSuccess, lastEnd bool }

// failures counts back to the last success.
func (s *stand) failures() int {
	n := 0
	for i := range s.strip {
		switch classOf(s.strip[i].State) {
		case classFailed:
			n++
		case classSucceeded:
			return n
		case classOther, classSkipped:
		}
	}
	return n
}

// change takes in that a run changed; before is nil if it is new, after if it
// was removed.
func (s *stand) change(before, after *columns) {
	if before != nil {
		s.count(before, -1)
		s.drop(before.key)
	}
	if after != nil {
		s.count(after, 1)
		s.insert(after)
	}
	s.lastEnd, s.stale.lastEnd = latest(s.lastEnd, s.stale.lastEnd, end(before), end(after))
	s.lastSuccess, s.stale.lastSuccess = latest(s.lastSuccess, s.stale.lastSuccess, success(before), success(after))
	if after != nil && !after.trigger.Asked() {
		s.newest = max(s.newest, after.due)
	}
}

func (s *stand) count(c *columns, by int64) {
	if c.ended != 0 {
		s.ended += by
	}
	if c.running() {
		s.running += by
	}
	if c.waiting {
		s.queued += by
		s.waitsMayHaveChanged = true
	}
}

// drop takes a run off the strip, and remembers that an older one may have to
// take its place.
func (s *stand) drop(k key) {
	id := k.id()
	if i := slices.IndexFunc(s.strip, func(r StripRun) bool { return r.ID == id }); i >= 0 {
		s.stale.strip = s.stale.strip || len(s.strip) == stripRuns
		s.strip = slices.Delete(s.strip, i, i+1)
	}
}

// insert puts a run into its place in the strip.
func (s *stand) insert(c *columns) {
	if !c.begun {
		return
	}
	r := c.strip()
	i, _ := slices.BinarySearchFunc(s.strip, r, newestFirst)
	if i == stripRuns {
		return
	}
	if s.stale.strip && i == len(s.strip) {
		return // the rows will tell
	}
	s.strip = slices.Insert(s.strip, i, r)
	if len(s.strip) > stripRuns {
		s.strip = s.strip[:stripRuns]
	}
	if len(s.strip) == stripRuns && s.stale.strip {
		// The run that was dropped was put back: nothing older is missing.
		s.stale.strip = false
	}
}

func newestFirst(a, b StripRun) int {
	if c := b.Due.Compare(a.Due); c != 0 {
		return c
	}
	return keyOf(b.ID).compare(keyOf(a.ID))
}

func end(c *columns) int64 {
	if c == nil || classOf(c.state) == classSkipped {
		return 0
	}
	return c.ended
}

func success(c *columns) int64 {
	if c == nil || c.state != run.StateSucceeded {
		return 0
	}
	return c.ended
}

// latest is the latest of several, of which one changed: false if the rows need
// not be asked.
func latest(known int64, stale bool, before, after int64) (int64, bool) {
	if before != 0 && before == known && after < before {
		return max(known, after), true
	}
	return max(known, after), stale
}

// stand returns how a job stands, to be changed: it is written again at the end
// of the transaction.
func (w *writer) stand(ctx context.Context, jobID int64) (*stand, error) {
	s, err := w.asItStands(ctx, jobID)
	if err == nil {
		w.changed[jobID] = s
	}
	return s, err
}

// writeStands writes how the jobs stand that were touched.
func (w *writer) writeStands(ctx context.Context) error {
	for id, s := range w.changed {
		if err := w.saveStand(ctx, id, s); err != nil {
			return err
		}
	}
	clear(w.changed)
	return nil
}

// asItStands returns how a job stands, to be looked at.
func (w *writer) asItStands(ctx context.Context, jobID int64) (*stand, error) {
	if s := w.stands[jobID]; s != nil {
		return s, nil
	}
	s := &stand{}
	var strip []byte
	var lastSuccess, lastEnd, newest, oldest, overdue sql.NullInt64
	known, err := w.first(ctx,
		"SELECT strip, running, queued, ended, skips, last_success, last_end, newest, oldest, overdue FROM stands WHERE job = ?",
		[]any{jobID}, &strip, &s.running, &s.queued, &s.ended, &s.skips, &lastSuccess, &lastEnd, &newest, &oldest, &overdue)
	if err == nil && known {
		s.strip, err = unpackStrip(strip)
	}
	if err != nil {
		return nil, fmt.Errorf("reading how a job stands: %w", err)
	}
	s.lastSuccess, s.lastEnd, s.newest = lastSuccess.Int64, lastEnd.Int64, newest.Int64
	s.oldest, s.overdue = oldest.Int64, overdue.Int64
	w.stands[jobID] = s
	return s, nil
}

// saveStand asks the rows for what has to be asked, and writes how a job stands.
func (w *writer) saveStand(ctx context.Context, jobID int64, s *stand) error {
	if err := w.refresh(ctx, jobID, s); err != nil {
		return fmt.Errorf("finding how a job stands: %w", err)
	}
	return w.exec(ctx, `REPLACE INTO stands
		(job, strip, failures, running, queued, ended, skips, last_success, last_end, newest, oldest, overdue)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		jobID, packStrip(s.strip), s.failures(), s.running, s.queued, s.ended, s.skips,
		or0(s.lastSuccess, s.lastSuccess != 0), or0(s.lastEnd, s.lastEnd != 0), or0(s.newest, s.newest != 0),
		or0(s.oldest, s.oldest != 0), or0(s.overdue, s.overdue != 0))
}

func (w *writer) refresh(ctx context.Context, jobID int64, s *stand) error {
	if s.stale.strip {
		if err := w.stripOf(ctx, jobID, s); err != nil {
			return err
		}
	}
	if s.stale.lastSuccess {
		if err := w.latestEnd(ctx, jobID, "state = 5", &s.lastSuccess); err != nil {
			return err
		}
	}
	if s.stale.lastEnd {
		if err := w.latestEnd(ctx, jobID, "state <> 10", &s.lastEnd); err != nil {
			return err
		}
	}
	s.stale = staleness{}
	if s.waitsMayHaveChanged {
		s.waitsMayHaveChanged, s.oldest = false, 0
		if s.queued > 0 {
			var oldest sql.NullInt64
			if _, err := w.first(ctx, "SELECT min(waits) FROM runs WHERE job = ? AND waits IS NOT NULL", []any{jobID}, &oldest); err != nil {
				return err
			}
			s.oldest = oldest.Int64
		}
	}
	plan, err := w.plan(ctx, jobID)
	if err != nil {
		return err
	}
	s.overdue = plan.overdue(s.newest)
	return nil
}

// stripOf reads the strip anew.
func (w *writer) stripOf(ctx context.Context, jobID int64, s *stand) error {
	s.strip = s.strip[:0]
	return w.each(ctx, `SELECT run, due, state, duration, lateness FROM runs
		WHERE job = ? AND begun = 1 ORDER BY due DESC, run DESC LIMIT ?`, []any{jobID, stripRuns},
		func(scan func(...any) error) error {
			var id, state any
			var due int64
			var duration, lateness sql.NullInt64
			if err := scan(&id, &due, &state, &duration, &lateness); err != nil {
				return err
			}
			s.strip = append(s.strip, StripRun{
				ID: keyFrom(id).id(), Due: instant(due), State: stateOf(state),
				Duration: time.Duration(duration.Int64) * time.Microsecond, Lateness: time.Duration(lateness.Int64) * time.Microsecond,
			})
			return nil
		})
}

// latestEnd reads the latest end of runs anew.
func (w *writer) latestEnd(ctx context.Context, jobID int64, which string, into *int64) error {
	var at sql.NullInt64
	_, err := w.first(ctx, "SELECT max(ended) FROM runs WHERE job = ? AND count IS NULL AND "+which, []any{jobID}, &at)
	*into = at.Int64
	return err
}

// among reports whether a run is among the last so many of its job.
func (s *stand) among(id run.ID, n int) bool {
	return slices.ContainsFunc(s.strip[:min(len(s.strip), n)], func(r StripRun) bool { return r.ID == id })
}

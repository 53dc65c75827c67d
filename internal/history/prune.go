package history

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// pruneRows is how many rows one step looks at.
	pruneRows = 200
	// pruneEvery is how long after a round of steps the next begins.
	pruneEvery = time.Minute
)

// pruning is how far a round has come.
type pruning struct {
	stage int
	tail  int64 // the last that was looked at
	next  time.Time
}

// Prune removes what is beyond the bounds at now, in a step of some
// milliseconds, and reports whether there is more to do. Whoever folds calls it
// in between. After ErrRebuilt, go on from Offsets.
func (d *DB) Prune(ctx context.Context, now time.Time) (more bool, err error) {
	d.folding.Lock()
	defer d.folding.Unlock()
	p := &d.pruning
	if p.stage == 0 && now.Before(p.next) {
		return false, nil
	}
	d.using.RLock()
	more, err = d.pruneStep(ctx, now)
	d.using.RUnlock()
	switch {
	case isDamage(err):
		return false, d.rebuild(ctx, err)
	case err != nil:
		return false, fmt.Errorf("pruning history: %w", err)
	case more:
		return true, nil
	}
	if p.stage++; p.stage < len(d.stages()) {
		return true, nil
	}
	*p = pruning{next: now.Add(pruneEvery)}
	return false, nil
}

// stages are the parts of a round. Each does a step, and reports whether it
// wants another.
func (d *DB) stages() []func(ctx context.Context, w *writer, now time.Time) (bool, error) {
	return []func(context.Context, *writer, time.Time) (bool, error){
		d.pruneOld, d.pruneMany, d.pruneTails, d.pruneRest, d.pruneMembers, d.pruneJobs,
	}
}

func (d *DB) pruneStep(ctx context.Context, now time.Time) (more bool, err error) {
	if d.file == nil {
		return false, ErrClosed
	}
	w := d.file.w
	err = w.within(ctx, func(ctx context.Context) error {
		if more, err = d.stages()[d.pruning.stage](ctx, w, now); err != nil {
			return err
		}
		return w.writeStands(ctx)
	})
	return more, err
}

// pruneOld removes the oldest rows that are older than is kept.
func (d *DB) pruneOld(ctx context.Context, w *writer, now time.Time) (bool, error) {
	n, err := d.remove(ctx, w, "SELECT id, job, run, cluster, count, body FROM runs INDEXED BY runs_due WHERE due < ? ORDER BY due, run LIMIT ?",
		micros(now.Add(-d.o.KeepFor)), pruneRows)
	return n == pruneRows, err
}

// pruneMany removes the oldest ended runs, and skips, of a job that has too many.
func (d *DB) pruneMany(ctx context.Context, w *writer, _ time.Time) (bool, error) {
	var job, ended, skips int64
	many, err := w.first(ctx, "SELECT job, ended, skips FROM stands WHERE ended > ? OR skips > ? LIMIT 1",
		[]any{d.o.KeepPerJob, d.o.KeepPerJob}, &job, &ended, &skips)
	if err != nil || !many {
		return false, err
	}
	most := int64(d.o.KeepPerJob)
	const oldest = " ORDER BY due, run LIMIT ?"
	const rows = "SELECT id, job, run, cluster, count, body FROM runs INDEXED BY runs_job WHERE job = ? AND count IS "
	if ended > most {
		if _, err := d.remove(ctx, w, rows+"NULL AND ended IS NOT NULL"+oldest, job, min(pruneRows, ended-most)); err != nil {
			return false, err
		}
	}
	if skips > most {
		if _, err := d.remove(ctx, w, rows+"NOT NULL"+oldest, job, min(pruneRows, skips-most)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// removed is a row that is to go.
type removed struct {
	id, job int64
	key     key
	cluster string
	skip    bool
	body    []byte
}

// remove removes the rows that a query names, and returns how many. What was
// counted of clusters stays counted.
func (d *DB) remove(ctx context.Context, w *writer, query string, args ...any) (int, error) {
	var rows []removed
	err := w.each(ctx, query, args, func(scan func(...any) error) error {
		var r removed
		var k, count any
		if err := scan(&r.id, &r.job, &k, &r.cluster, &count, &r.body); err != nil {
			return err
		}
		r.key, r.skip = keyFrom(k), count != nil
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i := range rows {
		if err := d.removeRow(ctx, w, &rows[i]); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

func (d *DB) removeRow(ctx context.Context, w *writer, r *removed) error {
	if err := w.exec(ctx, "DELETE FROM runs WHERE id = ?", r.id); err != nil {
		return err
	}
	s, err := w.stand(ctx, r.job)
	if err != nil {
		return err
	}
	if r.skip {
		s.skips--
		return nil
	}
	l := ledger.Run{ID: r.key.id(), Cluster: r.cluster}
	if err := d.packer.unpack(r.body, &l); err != nil {
		return fmt.Errorf("run %s: %w", l.ID, err)
	}
	c := columnsOf(&l)
	s.count(&c, -1)
	s.drop(c.key)
	return w.removeTail(ctx, "run = ?", r.key.column())
}

// removeTail removes what is kept of the output of a run.
func (w *writer) removeTail(ctx context.Context, which string, arg any) error {
	if err := w.exec(ctx, "DELETE FROM chunks WHERE tail = (SELECT id FROM tails WHERE "+which+")", arg); err != nil {
		return err
	}
	return w.exec(ctx, "DELETE FROM tails WHERE "+which, arg)
}

// pruneTails removes the output of successes that are no longer among the last
// of their job, and that of runs which nobody has heard of for as long as runs
// are kept.
func (d *DB) pruneTails(ctx context.Context, w *writer, now time.Time) (bool, error) {
	type candidate struct {
		id, job int64
		run     run.ID
		forget  bool
	}
	var all []candidate
	before := micros(now.Add(-d.o.KeepFor))
	err := w.each(ctx, `SELECT t.id, t.run, coalesce(r.job, 0), CASE WHEN r.id IS NULL THEN t.at < ? ELSE r.state = 5 END
		FROM tails t LEFT JOIN runs r ON r.run = t.run WHERE t.id > ? ORDER BY t.id LIMIT ?`, []any{before, d.pruning.tail, pruneRows},
		func(scan func(...any) error) error {
			var c candidate
			var k any
			err := scan(&c.id, &k, &c.job, &c.forget)
			c.run = keyFrom(k).id()
			all = append(all, c)
			return err
		})
	if err != nil {
		return false, err
	}
	for _, c := range all {
		d.pruning.tail = c.id
		if !c.forget {
			continue
		}
		if c.job != 0 {
			s, err := w.asItStands(ctx, c.job)
			if err != nil {
				return false, err
			}
			if s.among(c.run, tailRuns) {
				continue
			}
		}
		if err := w.removeTail(ctx, "id = ?", c.id); err != nil {
			return false, err
		}
	}
	return len(all) == pruneRows, nil
}

// pruneRest removes what is old of the smaller tables.
func (d *DB) pruneRest(ctx context.Context, w *writer, now time.Time) (bool, error) {
	before := now.Add(-d.o.KeepFor)
	more := false
	for _, r := range []struct {
		query  string
		before int64
	}{
		{"DELETE FROM minutes WHERE (minute, cluster) IN (SELECT minute, cluster FROM minutes WHERE minute < ? LIMIT ?)", floor(micros(before), time.Minute)},
		{"DELETE FROM hours WHERE (hour, cluster) IN (SELECT hour, cluster FROM hours WHERE hour < ? LIMIT ?)", floor(micros(before), time.Hour)},
		{"DELETE FROM dead WHERE id IN (SELECT id FROM dead WHERE at < ? ORDER BY at LIMIT ?)", micros(before)},
		{"DELETE FROM settled WHERE (run, how) IN (SELECT run, how FROM settled WHERE at < ? LIMIT ?)", micros(before)},
		{"DELETE FROM entries WHERE kind = 'audit' AND (at, id) IN (SELECT at, id FROM entries WHERE kind = 'audit' AND at < ? LIMIT ?)", micros(before)},
		{"DELETE FROM entries WHERE kind = 'notice' AND (at, id) IN (SELECT at, id FROM entries WHERE kind = 'notice' AND at < ? LIMIT ?)", micros(before)},
		{"DELETE FROM backfills WHERE (job, id) IN (SELECT job, id FROM backfills WHERE at < ? LIMIT ?)", micros(before)},
		{"DELETE FROM contents WHERE ? AND digest IN (SELECT digest FROM contents c WHERE NOT EXISTS (SELECT 1 FROM definitions d WHERE d.digest = c.digest) LIMIT ?)", 1},
	} {
		changed, err := w.change(ctx, r.query, r.before, pruneRows)
		if err != nil {
			return false, err
		}
		if n, err := changed.RowsAffected(); err == nil && n == pruneRows {
			more = true
		}
	}
	return more, nil
}

// pruneMembers removes the beats of members that the view has forgotten.
func (d *DB) pruneMembers(ctx context.Context, w *writer, _ time.Time) (bool, error) {
	known := map[string]bool{}
	for _, m := range d.living.members() {
		known[m.ID] = true
	}
	var gone []string
	err := w.each(ctx, "SELECT DISTINCT member FROM beats", nil, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		if !known[id] && len(gone) < pruneRows {
			gone = append(gone, id)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	for _, id := range gone {
		if err := w.exec(ctx, "DELETE FROM beats WHERE member = ?", id); err != nil {
			return false, err
		}
	}
	return len(gone) == pruneRows, nil
}

// pruneJobs removes the names of jobs of which nothing is left: not in force,
// not changed for as long as runs are kept, and without a row.
func (d *DB) pruneJobs(ctx context.Context, w *writer, now time.Time) (bool, error) {
	var gone []int64
	err := w.each(ctx, `SELECT id FROM jobs j WHERE digest IS NULL AND applied < ? AND aside = ''
		AND NOT EXISTS (SELECT 1 FROM runs WHERE job = j.id) LIMIT ?`, []any{micros(now.Add(-d.o.KeepFor)), pruneRows},
		func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			gone = append(gone, id)
			return err
		})
	if err != nil || len(gone) == 0 {
		return false, err
	}
	for _, id := range gone {
		for _, query := range []string{
			"DELETE FROM stands WHERE job = ?", "DELETE FROM definitions WHERE job = ?", "DELETE FROM labels WHERE job = ?",
			"DELETE FROM backfills WHERE job = ?", "DELETE FROM jobs WHERE id = ?",
		} {
			if err := w.exec(ctx, query, id); err != nil {
				return false, err
			}
		}
	}
	w.forget()
	return len(gone) == pruneRows, nil
}

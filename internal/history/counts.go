package history

import (
	"context"
	"fmt"
	"time"
)

// counts are what a batch adds to the counts of clusters, by minute and by hour.
// A run that changed is taken out as it was, and put in as it is.
type counts struct {
	minutes map[unit]*tally
	hours   map[unit]*spread
}

// unit is a minute or an hour of a cluster, counted since 1970.
type unit struct {
	cluster string
	n       int64
}

// tally counts due times by what became of them.
type tally [classSkipped + 1]int64

// spread counts the durations and latenesses of runs that have ended.
type spread struct{ durations, latenesses histogram }

func newCounts() *counts { return &counts{map[unit]*tally{}, map[unit]*spread{}} }

func (c *counts) run(r *columns, by int64) {
	c.add(r.cluster, r.due, classOf(r.state), by)
	if r.ended == 0 || classOf(r.state) == classSkipped || !r.hasDuration && !r.hasLateness {
		return
	}
	u := unit{r.cluster, floor(r.due, time.Hour)}
	s := c.hours[u]
	if s == nil {
		s = &spread{histogram{}, histogram{}}
		c.hours[u] = s
	}
	if r.hasDuration {
		s.durations.add(r.duration, by)
	}
	if r.hasLateness {
		s.latenesses.add(r.lateness, by)
	}
}

func (c *counts) skip(cluster string, due, by int64) { c.add(cluster, due, classSkipped, by) }

func (c *counts) add(cluster string, due int64, what class, by int64) {
	u := unit{cluster, floor(due, time.Minute)}
	t := c.minutes[u]
	if t == nil {
		t = &tally{}
		c.minutes[u] = t
	}
	t[what] += by
}

func (b *batch) writeCounts(ctx context.Context) error {
	for u, t := range b.counts.minutes {
		if *t == (tally{}) {
			continue
		}
		if err := b.w.exec(ctx, `INSERT INTO minutes (cluster, minute, succeeded, failed, skipped, other) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed,
			skipped = skipped + excluded.skipped, other = other + excluded.other`,
			u.cluster, u.n, t[classSucceeded], t[classFailed], t[classSkipped], t[classOther]); err != nil {
			return fmt.Errorf("counting: %w", err)
		}
	}
	for u, s := range b.counts.hours {
		if err := b.w.spread(ctx, u, s); err != nil {
			return fmt.Errorf("counting: %w", err)
		}
	}
	return nil
}

// spread adds to the histograms of an hour.
func (w *writer) spread(ctx context.Context, u unit, s *spread) error {
	if len(s.durations)+len(s.latenesses) == 0 {
		return nil
	}
	var durations, latenesses []byte
	known, err := w.first(ctx, "SELECT durations, latenesses FROM hours WHERE cluster = ? AND hour = ?", []any{u.cluster, u.n}, &durations, &latenesses)
	if err != nil {
		return err
	}
	if known {
		d, err := unpackHistogram(durations)
		if err != nil {
			return err
		}
		l, err := unpackHistogram(latenesses)
		if err != nil {
			return err
		}
		s.durations.merge(d)
		s.latenesses.merge(l)
	}
	return w.exec(ctx, "REPLACE INTO hours (cluster, hour, durations, latenesses) VALUES (?, ?, ?, ?)",
		u.cluster, u.n, packHistogram(s.durations), packHistogram(s.latenesses))
}

package tail

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/kafka"
)

// lookEvery is how often is looked for new partitions, and for the ends of all.
const lookEvery = 2 * time.Second

// recentBeats is where the beats begin that a new history reads: members are
// forgotten after an hour, and their topic keeps a day.
func recentBeats(now time.Time) kafka.Window {
	return kafka.Window{Since: now.Add(-time.Hour), Least: 10_000, Most: 200_000}
}

// Progress is how far history has come.
type Progress struct {
	// Done of Total records, by offsets, were read since the tail began, or was
	// last set back: of what stood in the topics then. Ready says that all of it
	// was.
	Done, Total int64
	Ready       bool
	// Behind is how many offsets history lacks now, BehindFor how long it has
	// lacked some: no longer ago than the newest record it holds.
	Behind    int64
	BehindFor time.Duration
	// Trouble says in words why history does not go on, empty if it does.
	Trouble string
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// reach is how far the partitions were read.
type reach struct {
	next  map[place]int64 // where each goes on
	from  map[place]int64 // where each began, since it was last set back
	until map[place]int64 // where each ended then
	ends  map[place]int64 // where each ended when it was last looked for
	ready bool
	// looked says that until holds every partition that there was.
	looked bool
	// idle says that there was nothing to read when it was last tried; gaps are
	// the partitions that do not move on all the same.
	idle   bool
	gaps   map[place]gap
	newest time.Time // of the records read
	whole  time.Time // when nothing was lacking
}

// gap is the end of a partition that no record stands at: what was compacted
// away, or aborted.
type gap struct {
	next, end int64
	looks     int
}

// gapLooks is in how many looks a partition has an end that nothing is read of,
// though there is nothing else to read, before it counts as read.
const gapLooks = 3

// ended takes in that a partition ends at end, as its leader says.
func (r *reach) ended(p place, end int64) {
	r.ends[p] = end
	g := r.gaps[p]
	switch {
	case end <= r.next[p] || !r.idle:
		delete(r.gaps, p)
		return
	case g.looks == 0 || g.next != r.next[p]:
		g = gap{next: r.next[p], end: end}
	}
	if g.looks++; g.looks > gapLooks {
		r.next[p] = g.end
		delete(r.gaps, p)
		return
	}
	r.gaps[p] = g
}

// rewind begins anew from offsets.
func (t *Tail) rewind(offsets map[string]map[int32]int64) {
	t.reach = reach{next: map[place]int64{}, from: map[place]int64{}, until: map[place]int64{}, ends: map[place]int64{}, gaps: map[place]gap{}}
	for name, partitions := range offsets {
		for partition, at := range partitions {
			t.next[place{name, partition}] = at
		}
	}
	t.forget(t.next)
}

// passed notes that a record was folded.
func (r *reach) passed(record *history.Record) {
	p := place{record.Topic, record.Partition}
	r.next[p] = max(r.next[p], record.Offset+1)
	if record.At.After(r.newest) {
		r.newest = record.At
	}
}

// settle reports whether all was read that stood in the topics, for the first
// time since reading was set back.
func (r *reach) settle() bool {
	if r.ready || !r.looked {
		return false
	}
	for p, until := range r.until {
		if r.next[p] < until {
			return false
		}
	}
	r.ready = true
	return true
}

// Progress returns how far history has come.
func (t *Tail) Progress() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := Progress{Ready: t.ready, Trouble: t.trouble}
	for at, until := range t.until {
		p.Total += until - t.from[at]
		p.Done += min(t.next[at], until) - t.from[at]
	}
	for at, end := range t.ends {
		p.Behind += max(0, end-t.next[at])
	}
	if p.Behind > 0 || !t.looked {
		since := t.whole
		if t.newest.After(since) {
			since = t.newest
		}
		if !since.IsZero() {
			p.BehindFor = max(0, time.Since(since))
		}
	}
	return p
}

// watch looks for partitions to read, and for their ends.
type watch struct {
	*Tail
	cl   *kgo.Client
	from map[string]map[int32]int64 // where history goes on
}

func (w *watch) run(ctx context.Context) {
	for pause(ctx, lookEvery) == nil {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			w.o.Log.Debug("looking for topics", "error", err)
		}
	}
}

// wanted reports whether history reads a topic. It leaves out the queues, whose
// runs the events name, and what schedulers tell workers.
func (w *watch) wanted(name string) bool {
	n := w.o.Names
	if cluster, ok := n.Cluster(name); ok {
		return name == n.Output(cluster) || name == n.DeadOf(cluster)
	}
	return slices.Contains([]string{
		n.Jobs(), n.Commands(), n.Events(), n.State(), n.Members(), n.Dead(), n.Prefix + "audit", n.Notices(),
	}, name)
}

// look adds partitions that are new, and notes where all end.
func (w *watch) look(ctx context.Context) error {
	admin := kadm.NewClient(w.cl)
	details, err := admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("listing the topics: %w", err)
	}
	var names []string
	for name := range details {
		if w.wanted(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return w.note(nil, nil) // not made yet
	}
	starts, err := admin.ListStartOffsets(ctx, names...)
	if err != nil {
		return fmt.Errorf("looking for the beginnings of the topics: %w", err)
	}
	ends, err := admin.ListCommittedOffsets(ctx, names...)
	if err != nil {
		return fmt.Errorf("looking for the ends of the topics: %w", err)
	}
	begin, err := w.begin(ctx, starts)
	if err != nil {
		return err
	}
	return w.note(begin, ends)
}

// begin returns where to begin the partitions that are not read yet.
func (w *watch) begin(ctx context.Context, starts kadm.ListedOffsets) (map[string]map[int32]kgo.Offset, error) {
	begin := map[string]map[int32]kgo.Offset{}
	var beats map[int32]int64
	for name, partitions := range starts {
		for partition, start := range partitions {
			if w.reads(place{name, partition}) || start.Err != nil {
				continue
			}
			at := start.Offset
			if name == w.o.Names.Members() {
				if beats == nil {
					var err error
					if beats, err = kafka.Recent(ctx, w.cl, name, recentBeats(time.Now())); err != nil {
						return nil, err
					}
				}
				at = max(at, beats[partition])
			}
			at = max(at, w.from[name][partition])
			if begin[name] == nil {
				begin[name] = map[int32]kgo.Offset{}
			}
			begin[name][partition] = kgo.NewOffset().At(at)
		}
	}
	return begin, nil
}

func (w *watch) reads(p place) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.reach.from[p]
	return ok
}

// note begins to read partitions, and keeps where all end.
func (w *watch) note(begin map[string]map[int32]kgo.Offset, ends kadm.ListedOffsets) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, partitions := range begin {
		for partition, offset := range partitions {
			p, at := place{name, partition}, offset.EpochOffset().Offset
			w.reach.from[p], w.next[p] = at, at
			w.starts(p, at)
			if end, ok := ends.Lookup(name, partition); ok && !w.looked {
				w.until[p] = max(at, end.Offset)
			}
		}
	}
	behind := false
	ends.Each(func(e kadm.ListedOffset) {
		if p := (place{e.Topic, e.Partition}); e.Err == nil {
			w.ended(p, e.Offset)
			behind = behind || e.Offset > w.next[p]
		}
	})
	w.looked = true
	if !behind {
		w.whole = time.Now()
	}
	if w.settle() { // there was nothing to read
		w.anew()
	}
	if len(begin) > 0 {
		w.cl.AddConsumePartitions(begin)
	}
	return nil
}

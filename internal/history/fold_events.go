package history

import (
	"context"
	"fmt"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// jobBatch is what a batch says of one job.
type jobBatch struct {
	name   string
	events []logged[run.Event]
}

func (b *batch) event(r *Record) error {
	e, err := b.w.codec.DecodeEvent(r.Value)
	if err == nil {
		err = b.placed(r, e.Job)
	}
	if err != nil {
		return err
	}
	j := b.jobs[e.Job]
	if j == nil {
		j = &jobBatch{name: e.Job}
		b.jobs[e.Job] = j
		b.order = append(b.order, j)
	}
	j.events = append(j.events, logged[run.Event]{e, r})
	return nil
}

// touched is a run that a batch says something of.
type touched struct {
	id     run.ID
	row    int64
	before *columns // nil: it is new
	last   *Record
}

// jobFold folds what a batch says of one job.
type jobFold struct {
	*batch
	job    int64
	name   string
	stand  *stand
	ledger *ledger.Ledger
	runs   map[run.ID]*touched
	order  []*touched
}

func (b *batch) writeEvents(ctx context.Context) error {
	for _, j := range b.order {
		f := &jobFold{batch: b, name: j.name, ledger: ledger.New(ledger.Options{}), runs: make(map[run.ID]*touched, len(j.events)/3+1)}
		if err := f.write(ctx, j.events); err != nil {
			return fmt.Errorf("folding events of job %s: %w", j.name, err)
		}
	}
	return nil
}

func (f *jobFold) write(ctx context.Context, events []logged[run.Event]) error {
	var err error
	if f.job, err = f.w.jobID(ctx, f.name); err != nil {
		return err
	}
	if f.stand, err = f.w.stand(ctx, f.job); err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		if e.value.Run == "" {
			if err := f.aboutJob(ctx, e); err != nil {
				return err
			}
			continue
		}
		if e.value.Type == run.EventDiscarded {
			if err := f.settle(ctx, e.value.Run, settledDiscard, e.value.At); err != nil {
				return err
			}
		}
		t := f.runs[e.value.Run]
		if t == nil {
			if t, err = f.load(ctx, e.value.Run); err != nil {
				return err
			}
		}
		t.last = e.at
		f.ledger.Fold(e.value)
	}
	for _, t := range f.order {
		if err := f.store(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// load puts a run into the ledger as it is in the file.
func (f *jobFold) load(ctx context.Context, id run.ID) (*touched, error) {
	t := &touched{id: id}
	f.runs[id] = t
	f.order = append(f.order, t)
	var cluster string
	var body []byte
	known, err := f.w.first(ctx, "SELECT id, cluster, body FROM runs WHERE run = ? AND job = ?",
		[]any{keyOf(id).column(), f.job}, &t.row, &cluster, &body)
	if err != nil || !known {
		return t, err
	}
	r := ledger.Run{ID: id, Job: f.name, Cluster: cluster}
	if err := f.d.packer.unpack(body, &r); err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	c := columnsOf(&r)
	t.before = &c
	f.ledger.Put(r)
	return t, nil
}

// store writes a run as the ledger has it now.
func (f *jobFold) store(ctx context.Context, t *touched) error {
	r, _ := f.ledger.Run(t.id)
	c := columnsOf(&r)
	if err := f.storeRow(ctx, t, &c, f.d.packer.pack(&r)); err != nil {
		return fmt.Errorf("run %s: %w", t.id, err)
	}
	f.stand.change(t.before, &c)
	if t.before != nil {
		f.counts.run(t.before, -1)
	}
	f.counts.run(&c, 1)
	row := rowOf(&r)
	f.tell(Change{Kind: KindRun, Job: f.name, Cluster: r.Cluster, Run: r.ID, Row: &row}, t.last)
	return nil
}

func (f *jobFold) storeRow(ctx context.Context, t *touched, c *columns, body []byte) error {
	var exit any
	if c.exit != nil {
		exit = *c.exit
	}
	begun := 0
	if c.begun {
		begun = 1
	}
	duration, lateness := or0(c.duration.Microseconds(), c.hasDuration), or0(c.lateness.Microseconds(), c.hasLateness)
	ended, waits := or0(c.ended, c.ended != 0), or0(c.waits, c.waiting)
	if t.before == nil {
		return f.w.exec(ctx, `INSERT INTO runs
			(run, job, due, state, begun, duration, lateness, ended, waits, cluster, worker, trigger, exit, body)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.key.column(), f.job, c.due, stateColumn(c.state), begun, duration, lateness, ended, waits,
			c.cluster, c.worker, string(c.trigger), exit, body)
	}
	if t.before.due != c.due { // its first event had none
		if err := f.w.exec(ctx, "UPDATE runs SET due = ? WHERE id = ?", c.due, t.row); err != nil {
			return err
		}
	}
	return f.w.exec(ctx, `UPDATE runs SET
		state = ?, begun = ?, duration = ?, lateness = ?, ended = ?, waits = ?, cluster = ?, worker = ?, trigger = ?, exit = ?, body = ?
		WHERE id = ?`,
		stateColumn(c.state), begun, duration, lateness, ended, waits, c.cluster, c.worker, string(c.trigger), exit, body, t.row)
}

// aboutJob takes in an event that names no run.
func (f *jobFold) aboutJob(ctx context.Context, e *logged[run.Event]) error {
	switch {
	case e.value.Type == run.EventSkipped:
		return f.skip(ctx, e)
	case e.value.Type == run.EventBackfill && e.value.Progress != nil:
		return f.backfill(ctx, e)
	}
	return nil
}

// maxBackfills bounds what is kept of the backfills of one job.
const maxBackfills = 100

// backfill notes how a backfill stands.
func (f *jobFold) backfill(ctx context.Context, e *logged[run.Event]) error {
	body, err := topic.Marshal(e.value.Progress)
	if err != nil {
		return fmt.Errorf("noting a backfill: %w", err)
	}
	if err := f.w.exec(ctx, "REPLACE INTO backfills (job, id, at, body) VALUES (?, ?, ?, ?)",
		f.job, e.value.Progress.ID, micros(e.value.At), body); err != nil {
		return fmt.Errorf("noting a backfill: %w", err)
	}
	f.tell(Change{Kind: KindJob, Job: f.name}, e.at)
	return f.w.exec(ctx, `DELETE FROM backfills WHERE job = ? AND (at, id) <=
		(SELECT at, id FROM backfills WHERE job = ? ORDER BY at DESC, id DESC LIMIT 1 OFFSET ?)`, f.job, f.job, maxBackfills)
}

// skip writes due times that were skipped together.
func (f *jobFold) skip(ctx context.Context, e *logged[run.Event]) error {
	alone := ledger.New(ledger.Options{})
	alone.Fold(e.value)
	s := alone.Skips()[0]
	k := key{text: fmt.Sprintf("~%d/%d", e.at.Partition, e.at.Offset)}
	if err := f.w.exec(ctx, `INSERT INTO runs (run, job, due, state, begun, count, cluster, worker, trigger, body)
		VALUES (?, ?, ?, ?, 0, ?, ?, '', '', ?)`,
		k.column(), f.job, micros(s.Due), stateColumn(run.StateSkipped), s.Count, e.value.Cluster, f.d.packer.packSkip(&s)); err != nil {
		return fmt.Errorf("noting skipped due times: %w", err)
	}
	f.stand.skips++
	f.stand.newest = max(f.stand.newest, micros(s.Through))
	f.counts.skip(e.value.Cluster, micros(s.Due), int64(max(s.Count, 1)))
	row := skipRow(&s)
	f.tell(Change{Kind: KindRun, Job: f.name, Cluster: e.value.Cluster, Row: &row}, e.at)
	return nil
}

// tell adds a change that the record r brought.
func (b *batch) tell(c Change, r *Record) {
	c.Topic, c.Partition, c.Offset = r.Topic, r.Partition, r.Offset
	b.folded.Changes = append(b.folded.Changes, c)
}

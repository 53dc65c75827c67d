package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

// Run returns the run whose ID begins so, in either case of letters: or a
// NoRunError or an AmbiguousError. The outcome of a success has no Tail.
func (d *DB) Run(ctx context.Context, idOrPrefix string) (RunDetail, error) {
	var detail RunDetail
	err := d.ask(ctx, func(q *asking) error {
		f, err := q.named(idOrPrefix)
		if err != nil {
			return err
		}
		r := ledger.Run{ID: f.key.id(), Job: f.name, Cluster: f.cluster}
		if err := d.packer.unpack(f.body, &r); err != nil {
			return fmt.Errorf("run %s: %w", r.ID, err)
		}
		about := detailsOf(q)
		detail.Run, detail.Row = r, rowOf(&r)
		def, err := about.ranBy(f.job, &r)
		if err != nil {
			return err
		}
		if detail.Row.Version = def.digest; def.digest != "" {
			if detail.Definition, err = about.definition(f.job, def.offset); err != nil {
				return err
			}
		}
		detail.Tail, err = about.tail(f.job, &r)
		return err
	})
	return detail, err
}

// named returns the run whose ID begins so.
func (q *asking) named(prefix string) (found, error) {
	lower := strings.ToLower(prefix)
	if lower == "" || strings.HasPrefix(lower, "~") {
		return found{}, &NoRunError{prefix}
	}
	var rows []found
	take := func(scan func(...any) error) error {
		var f found
		var k any
		err := scan(&f.id, &f.job, &f.name, &k, &f.cluster, &f.body)
		f.key = keyFrom(k)
		rows = append(rows, f)
		return err
	}
	const read = "SELECT r.id, r.job, j.name, r.run, r.cluster, r.body FROM runs r JOIN jobs j ON j.id = r.job WHERE r.run >= ? AND r.run "
	if least, most, ok := within(lower); ok {
		if err := q.each(read+"<= ? ORDER BY r.run LIMIT ?", []any{least, most, MaxMatches + 1}, take); err != nil {
			return found{}, err
		}
	}
	for _, text := range slices.Compact([]string{lower, prefix}) {
		// No ID holds a byte above 0x7e.
		if err := q.each(read+"< ? ORDER BY r.run LIMIT ?", []any{text, text + "\x7f", MaxMatches + 1}, take); err != nil {
			return found{}, err
		}
	}
	switch len(rows) {
	case 0:
		return found{}, &NoRunError{prefix}
	case 1:
		return rows[0], nil
	}
	e := &AmbiguousError{Prefix: prefix}
	for _, f := range rows[:min(len(rows), MaxMatches)] {
		e.Runs = append(e.Runs, f.key.id())
	}
	return found{}, e
}

// details reads what belongs to runs, and what it has read already only once.
type details struct {
	*asking
	definitions map[int64][]applied       // by job, the latest first
	kept        map[int64]map[run.ID]bool // by job: the runs whose output is kept however they ended
}

func detailsOf(q *asking) *details {
	return &details{q, map[int64][]applied{}, map[int64]map[run.ID]bool{}}
}

// applied is a definition that was applied.
type applied struct {
	offset, at      int64
	digest, version string // empty of a removal
}

// ranBy returns the definition that a run ran by. The events name its version:
// it is the latest that has that one and was applied before the run's last
// attempt was enqueued, by the clocks of those who did, else the latest that has
// it. Events of earlier releases name none: then it is the one that was in
// force. It is empty if that is not known.
func (d *details) ranBy(jobID int64, r *ledger.Run) (applied, error) {
	all, err := d.applied(jobID)
	if err != nil {
		return applied{}, err
	}
	enqueued := r.EnqueuedAt
	if a, ok := r.Last(); ok && !a.EnqueuedAt.IsZero() {
		enqueued = a.EnqueuedAt
	}
	at := micros(enqueued)
	before := func(a applied) bool { return a.at <= at }
	same := func(a applied) bool { return a.version == r.Version }
	if r.Version == "" {
		i := slices.IndexFunc(all, before)
		if i < 0 || enqueued.IsZero() {
			return applied{}, nil
		}
		return all[i], nil
	}
	if i := slices.IndexFunc(all, func(a applied) bool { return same(a) && before(a) }); i >= 0 {
		return all[i], nil
	}
	if i := slices.IndexFunc(all, same); i >= 0 {
		return all[i], nil
	}
	return applied{}, nil
}

func (d *details) applied(jobID int64) ([]applied, error) {
	if all, ok := d.definitions[jobID]; ok {
		return all, nil
	}
	var all []applied
	err := d.each("SELECT offset, applied, digest, version FROM definitions WHERE job = ? ORDER BY offset DESC", []any{jobID},
		func(scan func(...any) error) error {
			var a applied
			var digest, version sql.NullString
			err := scan(&a.offset, &a.at, &digest, &version)
			a.digest, a.version = digest.String, version.String
			all = append(all, a)
			return err
		})
	d.definitions[jobID] = all
	return all, err
}

func (d *details) definition(jobID, offset int64) (*Definition, error) {
	var def Definition
	err := d.each(`SELECT d.digest, d.applied, d.by, c.body FROM definitions d LEFT JOIN contents c ON c.digest = d.digest
		WHERE d.job = ? AND d.offset = ?`, []any{jobID, offset}, func(scan func(...any) error) error {
		var err error
		def, err = scanDefinition(scan)
		return err
	})
	return &def, err
}

// keeps reports whether the output of a run is kept: of a success only as long
// as it is among the last of its job.
func (d *details) keeps(jobID int64, r *ledger.Run) (bool, error) {
	if r.State != run.StateSucceeded {
		return true, nil
	}
	last, ok := d.kept[jobID]
	if !ok {
		var body []byte
		known, err := d.first("SELECT strip FROM stands WHERE job = ?", []any{jobID}, &body)
		if err != nil {
			return false, err
		}
		last = map[run.ID]bool{}
		if known {
			strip, err := unpackStrip(body)
			if err != nil {
				return false, err
			}
			for _, r := range strip[:min(len(strip), tailRuns)] {
				last[r.ID] = true
			}
		}
		d.kept[jobID] = last
	}
	return last[r.ID], nil
}

// tail reads the end of a run's output.
func (d *details) tail(jobID int64, r *ledger.Run) (Tail, error) {
	tail := Tail{Chunks: []run.Output{}}
	keeps, err := d.keeps(jobID, r)
	if err != nil || !keeps {
		return tail, err
	}
	return d.tailOf(r.ID)
}

// Output returns the end of what a run has written, however it stands: of a run
// that is not known, what there is of it.
func (d *DB) Output(ctx context.Context, id run.ID) (Tail, error) {
	var tail Tail
	err := d.ask(ctx, func(q *asking) (err error) {
		tail, err = q.tailOf(id)
		return err
	})
	return tail, err
}

func (q *asking) tailOf(id run.ID) (Tail, error) {
	tail := Tail{Chunks: []run.Output{}}
	var number int64
	known, err := q.first("SELECT id, bytes FROM tails WHERE run = ?", []any{keyOf(id).column()}, &number, &tail.Before)
	if err != nil || !known {
		return tail, err
	}
	room := TailBytes
	err = q.each(`SELECT fence, seq, attempt, at, stream, cut, last, data FROM chunks
		WHERE tail = ? ORDER BY fence DESC, seq DESC`, []any{number}, func(scan func(...any) error) error {
		if room == 0 {
			return nil
		}
		o := run.Output{V: 1, Run: id}
		var at int64
		if err := scan(&o.Fence, &o.Seq, &o.Attempt, &at, &o.Stream, &o.CutBytes, &o.Last, &o.Data); err != nil {
			return err
		}
		o.At = instant(at)
		if over := len(o.Data) - room; over > 0 {
			o.Data, o.CutBytes = o.Data[over:], 0 // what was cut stood before it
		} else {
			tail.Before -= o.CutBytes
		}
		room -= len(o.Data)
		tail.Before -= int64(len(o.Data))
		tail.Chunks = append(tail.Chunks, o)
		return nil
	})
	slices.Reverse(tail.Chunks)
	return tail, err
}

package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/topic"
)

// writer is the one connection that writes, and what it has learned of the
// file: after a transaction that failed it forgets all but the offsets, which
// it learns when one is committed.
type writer struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // by their text: as many as this package has
	codec topic.Codec
	times *job.Compiler

	offsets map[place]int64
	jobs    map[string]int64   // IDs by name
	stands  map[int64]*stand   // by job
	changed map[int64]*stand   // those of the transaction under way
	plans   map[int64]*planned // by job
	aside   map[int32]string   // by shard: the list that was written last
}

// maxKnown bounds each map of what a writer has learned: a full one is begun
// anew, between transactions.
const maxKnown = 50_000

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

func newWriter(ctx context.Context, conn *sql.Conn) (*writer, error) {
	w := &writer{
		conn: conn, stmts: map[string]*sql.Stmt{}, codec: topic.NewCodec(), times: job.NewCompiler(),
		offsets: map[place]int64{},
	}
	w.forget()
	err := w.each(ctx, "SELECT topic, partition, next FROM offsets", nil, func(scan func(...any) error) error {
		var p place
		var next int64
		err := scan(&p.topic, &p.partition, &next)
		w.offsets[p] = next
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the offsets: %w", err)
	}
	return w, nil
}

func (w *writer) forget() {
	w.jobs, w.stands, w.plans, w.aside = map[string]int64{}, map[int64]*stand{}, map[int64]*planned{}, map[int32]string{}
	w.changed = map[int64]*stand{}
}

// tidy keeps to maxKnown.
func (w *writer) tidy() {
	if len(w.jobs) > maxKnown || len(w.stands) > maxKnown || len(w.plans) > maxKnown || len(w.aside) > maxKnown {
		w.forget()
	}
}

func (w *writer) close() error {
	failures := make([]error, 0, len(w.stmts)+1)
	for _, s := range w.stmts {
		failures = append(failures, s.Close())
	}
	return errors.Join(append(failures, w.conn.Close())...)
}

// within does what is given in one transaction. What it begins it ends: the
// caller's context is not asked before.
func (w *writer) within(ctx context.Context, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	w.tidy()
	if err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	err := do(ctx)
	if err == nil {
		if err = w.exec(ctx, "COMMIT"); err == nil {
			return nil
		}
		err = fmt.Errorf("committing: %w", err)
	}
	w.forget()
	// After some errors SQLite has rolled back by itself, and says so.
	_, _ = w.conn.ExecContext(ctx, "ROLLBACK")
	return err
}

// stmt prepares a statement the first time that it is used.
func (w *writer) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	s, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", query, err)
	}
	w.stmts[query] = s
	return s, nil
}

func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	_, err := w.change(ctx, query, args...)
	return err
}

// change is exec for who wants to know what was changed.
func (w *writer) change(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := w.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// first reads the first row, and reports whether there is one.
func (w *writer) first(ctx context.Context, query string, args []any, into ...any) (bool, error) {
	s, err := w.stmt(ctx, query)
	if err != nil {
		return false, err
	}
	switch err := s.QueryRowContext(ctx, args...).Scan(into...); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// each calls f for every row, which scans it.
func (w *writer) each(ctx context.Context, query string, args []any, f func(scan func(...any) error) error) error {
	s, err := w.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return eachRow(rows, f)
}

// eachRow calls f for every row and closes them.
func eachRow(rows *sql.Rows, f func(scan func(...any) error) error) error {
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// jobID returns the ID of a job's name, made if the name is new.
func (w *writer) jobID(ctx context.Context, name string) (int64, error) {
	if id, ok := w.jobs[name]; ok {
		return id, nil
	}
	var id int64
	known, err := w.first(ctx, "SELECT id FROM jobs WHERE name = ?", []any{name}, &id)
	if err == nil && !known {
		_, err = w.first(ctx, "INSERT INTO jobs (name) VALUES (?) RETURNING id", []any{name}, &id)
	}
	if err != nil {
		return 0, fmt.Errorf("looking for job %s: %w", name, err)
	}
	w.jobs[name] = id
	return id, nil
}

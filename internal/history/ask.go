package history

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// asking is a question under way: all it reads is of one moment.
type asking struct {
	ctx   context.Context
	tx    *sql.Tx
	stmts map[string]*sql.Stmt // by their text; they end with tx
	d     *DB
}

// ask answers a question from one moment of the file.
func (d *DB) ask(ctx context.Context, answer func(*asking) error) error {
	d.using.RLock()
	defer d.using.RUnlock()
	if d.file == nil {
		return ErrClosed
	}
	err := d.file.ask(ctx, d, answer)
	if isDamage(err) {
		d.damaged.Store(true)
	}
	return err
}

func (f *file) ask(ctx context.Context, d *DB, answer func(*asking) error) error {
	tx, err := f.read.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("reading history: %w", err)
	}
	err = answer(&asking{ctx, tx, map[string]*sql.Stmt{}, d})
	// Nothing was written: how it ends does not matter.
	return errors.Join(err, notDone(tx.Rollback()))
}

func notDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// stmt prepares a statement the first time that it is used.
func (q *asking) stmt(query string) (*sql.Stmt, error) {
	if s := q.stmts[query]; s != nil {
		return s, nil
	}
	s, err := q.tx.PrepareContext(q.ctx, query)
	if err != nil {
		return nil, fmt.Errorf("asking history: %w", err)
	}
	q.stmts[query] = s
	return s, nil
}

// first reads the first row, and reports whether there is one.
func (q *asking) first(query string, args []any, into ...any) (bool, error) {
	s, err := q.stmt(query)
	if err != nil {
		return false, err
	}
	switch err := s.QueryRowContext(q.ctx, args...).Scan(into...); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading history: %w", err)
	}
	return true, nil
}

// each calls f for every row, which scans it.
func (q *asking) each(query string, args []any, f func(scan func(...any) error) error) error {
	s, err := q.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(q.ctx, args...)
	if err == nil {
		err = eachRow(rows, f)
	}
	if err != nil {
		return fmt.Errorf("reading history: %w", err)
	}
	return nil
}

// The bounds of pages.
const (
	pageLimit = 100
	pageMost  = 500
)

// limited is how many rows a page has.
func limited(limit int) int {
	if limit <= 0 {
		return pageLimit
	}
	return min(limit, pageMost)
}

// cursor writes where a page ends.
func cursor(parts ...any) string {
	w := &writing{}
	for _, part := range parts {
		switch v := part.(type) {
		case int64:
			w.number(v)
		case string:
			w.text(v)
		}
	}
	return base64.RawURLEncoding.EncodeToString(w.b)
}

// resume reads a cursor into parts, which are pointers.
func resume(text string, parts ...any) error {
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return &CursorError{text}
	}
	r := &reading{b: body}
	for _, part := range parts {
		switch v := part.(type) {
		case *int64:
			*v = r.number()
		case *string:
			*v = r.text()
		}
	}
	if r.bad || len(r.b) > 0 {
		return &CursorError{text}
	}
	return nil
}

// conditions are joined by AND.
type conditions struct {
	parts []string
	args  []any
}

func (c *conditions) and(part string, args ...any) {
	c.parts = append(c.parts, part)
	c.args = append(c.args, args...)
}

// String is for a WHERE.
func (c *conditions) String() string {
	if len(c.parts) == 0 {
		return "true"
	}
	return strings.Join(c.parts, " AND ")
}

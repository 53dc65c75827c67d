package history

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite"
)

// readers is how many questions read at a time; the others wait.
const readers = 4

// file is the open SQLite file: one connection that writes, some that read.
type file struct {
	write *sql.DB
	read  *sql.DB
	w     *writer
}

func openFile(ctx context.Context, o Options) (*file, error) {
	f := &file{}
	if err := private(o.Path); err != nil {
		return nil, err
	}
	var err error
	if f.write, err = connect(o.Path, 1,
		"journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-32768)", "wal_autocheckpoint(4000)",
		"journal_size_limit(67108864)", fmt.Sprintf("max_page_count(%d)", pages(o.maxPages))); err != nil {
		return nil, err
	}
	conn, err := f.write.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	if err := migrate(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close(), f.close())
	}
	if f.w, err = newWriter(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close(), f.close())
	}
	if f.read, err = connect(o.Path, max(readers, runtime.GOMAXPROCS(0)), "query_only(1)", "cache_size(-8192)"); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// private makes the file readable for nobody else: definitions hold variables
// that may be secret. What SQLite keeps beside it gets the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("making the history file: %w", err)
	}
	return f.Close()
}

// pages is the bound of the file in pages: SQLite's own, if there is none.
func pages(n int) int {
	if n == 0 {
		return 1<<32 - 2
	}
	return n
}

// connect returns a pool of at most so many connections, which stay open.
func connect(path string, most int, pragmas ...string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the folder of the history file: %w", err)
	}
	all := append([]string{"busy_timeout(5000)", "temp_store(MEMORY)"}, pragmas...)
	dsn := url.URL{Scheme: "file", Path: absolute, OmitHost: true, RawQuery: url.Values{"_pragma": all}.Encode()}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("opening SQLite: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

func (f *file) close() error {
	var failures []error
	if f.read != nil {
		failures = append(failures, f.read.Close())
	}
	if f.w != nil {
		failures = append(failures, f.w.close())
	}
	return errors.Join(append(failures, f.write.Close())...)
}

// errLater says that a later release made the file.
var errLater = errors.New("a later release of Belfry made the file")

//go:embed schema/*.sql
var schema embed.FS

// migrate brings the file to the layout of this release: each file of schema
// is one step, and user_version counts those taken.
func migrate(ctx context.Context, conn *sql.Conn) error {
	var have int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("reading the version of the layout: %w", err)
	}
	steps, err := fs.Glob(schema, "schema/*.sql")
	if err != nil {
		return fmt.Errorf("listing the steps of the layout: %w", err)
	}
	if have > len(steps) {
		return fmt.Errorf("%w: its layout is %d, this release knows %d", errLater, have, len(steps))
	}
	for i, name := range steps[have:] {
		step, err := schema.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		script := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA user_version = %d;\nCOMMIT;", step, have+i+1)
		if _, err := conn.ExecContext(ctx, script); err != nil {
			_, undone := conn.ExecContext(ctx, "ROLLBACK")
			return errors.Join(fmt.Errorf("changing the layout by %s: %w", name, err), undone)
		}
	}
	return nil
}

package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/belfry-cron/belfry/internal/topic"
)

// Options say where the file is, and how much it keeps.
type Options struct {
	// Path is the file's. SQLite keeps two more beside it, -wal and -shm, and
	// history an empty one, -lock.
	Path string
	// Names are the topics' names; those under topic.DefaultPrefix if empty.
	Names topic.Names
	// Shards is how many shards there are. A record about a job in the
	// partition of another shard is unreadable; zero lets all in.
	Shards int32
	// KeepFor is how long after its due time a run is kept; 90 days if zero.
	KeepFor time.Duration
	// KeepPerJob is how many ended runs, and how many skips, are kept of each
	// job; 10,000 if zero.
	KeepPerJob int
	Log        *slog.Logger // nil discards

	// maxPages bounds the file, so that a test can fill it.
	maxPages int
}

// The defaults of Options.
const (
	keepFor    = 90 * 24 * time.Hour
	keepPerJob = 10_000
)

// DB is the read model in its file. Any number of goroutines may ask; one
// folds and prunes.
type DB struct {
	o      Options
	packer *packer
	lock   *os.File

	// using is held for reading while the file is used, for writing while it
	// is replaced or closed.
	using sync.RWMutex
	file  *file // nil once closed

	folding sync.Mutex // held by who writes
	pruning pruning
	damaged atomic.Bool // a question met damage: the next fold makes the file anew
	trouble atomic.Pointer[string]
	living  living
}

// ErrRebuilt says that the file was damaged and was made anew: whoever folds
// goes on from Offsets, which are empty.
var ErrRebuilt = errors.New("the history file was damaged, was set aside, and is built anew")

// ErrClosed says that history was closed.
var ErrClosed = errors.New("the history file is closed")

// Open opens the file, makes it if there is none, and brings it to this
// release's layout. A file that is damaged, or of a later release, is set
// aside as PATH.damaged-TIME or PATH.later-TIME, in the place of the one set
// aside before, and made anew: Offsets are empty then, and the log fills it
// again. The file is one process's: a second one gets an error.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Names == (topic.Names{}) {
		o.Names.Prefix = topic.DefaultPrefix
	}
	if o.KeepFor <= 0 {
		o.KeepFor = keepFor
	}
	if o.KeepPerJob <= 0 {
		o.KeepPerJob = keepPerJob
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &DB{o: o, packer: newPacker()}
	if err := d.own(); err != nil {
		return nil, err
	}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(err, d.lock.Close())
	}
	return d, nil
}

// own keeps other processes from the file.
func (d *DB) own() error {
	if err := os.MkdirAll(filepath.Dir(d.o.Path), 0o700); err != nil {
		return fmt.Errorf("making the folder of the history file: %w", err)
	}
	f, err := os.OpenFile(d.o.Path+"-lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the history file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("another process uses the history file %s: give each server its own", d.o.Path), f.Close())
	}
	d.lock = f
	return nil
}

func (d *DB) open(ctx context.Context) error {
	f, err := openFile(ctx, d.o)
	if why := setAsideFor(err); why != "" {
		if f, err = d.anew(ctx, why, err); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("opening the history file %s: %w", d.o.Path, err)
	}
	d.file = f
	return d.living.load(ctx, f)
}

// setAsideFor says why a file that cannot be opened is set aside, "" if it is
// not.
func setAsideFor(err error) string {
	switch {
	case errors.Is(err, errLater):
		return "later"
	case isDamage(err):
		return "damaged"
	}
	return ""
}

// anew sets the file aside and makes an empty one.
func (d *DB) anew(ctx context.Context, why string, because error) (*file, error) {
	earlier, err := filepath.Glob(escaped(d.o.Path) + "." + why + "-*")
	if err != nil {
		return nil, fmt.Errorf("looking for what was set aside before: %w", err)
	}
	for _, path := range earlier {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("making room to set the history file aside: %w", err)
		}
	}
	aside := d.o.Path + "." + why + "-" + time.Now().UTC().Format("20060102T150405Z")
	if err := os.Rename(d.o.Path, aside); err != nil {
		return nil, fmt.Errorf("setting the history file aside: %w", err)
	}
	for _, more := range []string{"-wal", "-shm"} {
		if err := os.Remove(d.o.Path + more); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("setting the history file aside: %w", err)
		}
	}
	d.o.Log.Warn("the history file cannot be used: it was set aside and is built anew from the log",
		"file", d.o.Path, "set_aside", aside, "reason", because)
	f, err := openFile(ctx, d.o)
	if err != nil {
		return nil, fmt.Errorf("making the history file %s anew: %w", d.o.Path, err)
	}
	return f, nil
}

// escaped is a path as a pattern that matches nothing else.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// rebuild replaces a damaged file, and returns ErrRebuilt.
func (d *DB) rebuild(ctx context.Context, because error) error {
	d.using.Lock()
	defer d.using.Unlock()
	if d.file == nil {
		return ErrClosed
	}
	if err := d.file.close(); err != nil {
		d.o.Log.Warn("closing the damaged history file", "error", err)
	}
	f, err := d.anew(ctx, "damaged", because)
	if err != nil {
		return err
	}
	d.file = f
	d.damaged.Store(false)
	d.living.forget()
	return ErrRebuilt
}

// Close waits for the questions under way and closes the file.
func (d *DB) Close() error {
	d.using.Lock()
	defer d.using.Unlock()
	if d.file == nil {
		return nil
	}
	err := d.file.close()
	d.file = nil
	return errors.Join(err, d.lock.Close())
}

// Trouble says in words why nothing is folded at this moment, as a full disk;
// empty if there is no reason.
func (d *DB) Trouble() string {
	if words := d.trouble.Load(); words != nil {
		return *words
	}
	return ""
}

// isDamage reports whether the file is not what SQLite once wrote.
func isDamage(err error) bool {
	return isCode(err, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) || errors.Is(err, errPacked)
}

// isFull reports whether there is no room for what was to be written.
func isFull(err error) bool {
	return isCode(err, sqlite3.SQLITE_FULL) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

func isCode(err error, codes ...int) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code()&0xff == code { // without what extended codes add
			return true
		}
	}
	return false
}

package history

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/belfry-cron/belfry/internal/topic"
)

// errNotBuilt is what unfinished questions answer.
var errNotBuilt = errors.New("history: not built")

// Options say where the file is, and how much it keeps.
type Options struct {
	// Path is the file's. SQLite keeps two more beside it: -wal and -shm.
	Path string
	// Names are the topics' names; those under topic.DefaultPrefix if empty.
	Names topic.Names
	// Shards is how many shards there are. A job in the partition of another
	// is nobody's; zero lets all in.
	Shards int32
	// KeepFor is how long after its due time a run is kept; 90 days if zero.
	KeepFor time.Duration
	// KeepPerJob is how many ended runs, and how many skips, are kept of each
	// job; 10,000 if zero.
	KeepPerJob int
	Log        *slog.Logger // nil discards
}

// DB is the read model in its file. Any number of goroutines may ask; one
// folds and prunes.
type DB struct{ o Options }

// Open opens the file, makes it if there is none, and brings it to this
// release's layout. A file that is corrupt, or of a later release, is set
// aside as PATH.corrupt-TIME or PATH.later-TIME, and made anew: Offsets are
// empty then, and the log fills it again.
func Open(ctx context.Context, o Options) (*DB, error) {
	_ = ctx
	return &DB{o: o}, nil
}

// Close ends all questions and closes the file.
func (d *DB) Close() error { return nil }

// Trouble says in words why nothing is folded at this moment, as a full disk;
// empty if there is no reason.
func (d *DB) Trouble() string { return "" }

package tail

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

var errNotBuilt = errors.New("tail: not built")

// Options say what is read, and into what.
type Options struct {
	Kafka   kafka.Options
	Names   topic.Names
	History *history.DB
	Log     *slog.Logger // nil discards
}

// Tail reads all topics into history and tells listeners.
type Tail struct{ o Options }

// New returns a tail that reads once it is run.
func New(o Options) *Tail { return &Tail{o: o} }

// Run reads until ctx ends, and returns its error, or one that no waiting
// mends. What Kafka or the disk refuse meanwhile is tried again; Progress tells.
func (t *Tail) Run(ctx context.Context) error { return errNotBuilt }

// Progress is how far history has come.
type Progress struct {
	// Done of Total records, by offsets, were read since the tail began: of what
	// stood in the topics then. Ready says that all of it was.
	Done, Total int64
	Ready       bool
	// Behind is how many offsets history lacks now, BehindFor how old the first
	// of them is.
	Behind    int64
	BehindFor time.Duration
	// Trouble says in words why history does not go on, empty if it does.
	Trouble string
}

// Progress returns how far history has come.
func (t *Tail) Progress() Progress { return Progress{} }

// Filter says which changes a listener wants. Zero fields let all in.
type Filter struct {
	Kinds   []history.Kind // none for all but members and output
	Job     string
	Cluster string
	Run     run.ID
	// Allow, if it is set, has to return true. It is called from another
	// goroutine and must not block.
	Allow func(*history.Change) bool
}

// Event is a change. All listeners share it: nobody may write to it.
type Event struct {
	// ID, where it is not empty, is where to resume from behind this event, on
	// any server.
	ID     string
	Change *history.Change
}

// Listener gets the changes that its filter lets in.
type Listener struct{}

// Listen begins to listen: behind the event of the ID after, or with what
// changes from now on (""). Changes may come twice, and tell how things stand,
// not what happened.
func (t *Tail) Listen(f Filter, after string) *Listener { return &Listener{} }

// Anew says that it is not known what changed since the ID that Listen was
// given: whoever listens begins anew, from the questions of history.
func (l *Listener) Anew() bool { return false }

// C is closed when the listener was closed, the tail ended, or the listener was
// too slow.
func (l *Listener) C() <-chan Event { return nil }

// Behind says, once C is closed, that the listener was too slow. It may resume
// behind the last ID it got.
func (l *Listener) Behind() bool { return false }

// Close ends it.
func (l *Listener) Close() {}

// Live is what one run writes.
type Live struct{}

// Live begins to read what a run writes: first the tail that history keeps, with
// the bytes that stood before it, then what comes.
func (t *Tail) Live(ctx context.Context, id run.ID) (*Live, error) { return nil, errNotBuilt }

// Before is how many bytes stood before the first chunk.
func (l *Live) Before() int64 { return 0 }

// C is closed when it was closed, the tail ended, or the reader was too slow. It
// goes on behind a run's end: whoever follows a run also listens to it.
func (l *Live) C() <-chan run.Output { return nil }

// Behind says, once C is closed, that the reader was too slow.
func (l *Live) Behind() bool { return false }

// Close ends it.
func (l *Live) Close() {}

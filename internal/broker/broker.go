package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// segmentBytes bounds what one partition keeps beyond its retention.
	segmentBytes = "16777216"

	// never is when background compaction runs.
	never = "9000000000"

	retentionEvery = time.Hour
	defaultReserve = 32 << 20
)

// Options says where the broker keeps its data and listens.
type Options struct {
	// Dir is the data folder, made if missing; empty keeps everything in
	// memory.
	Dir string

	// Listen is the address to listen on; "127.0.0.1:0" if empty. There is
	// neither encryption nor authentication: keep it on the loopback.
	Listen string

	// SyncWrites has every record on the disk itself before it is
	// acknowledged, which survives power cuts and costs two fsyncs a batch.
	SyncWrites bool

	// Reserve is how many bytes of the disk must stay free for records to be
	// accepted; 32 MiB if zero.
	Reserve uint64

	// Log gets what happens; nil discards it.
	Log *slog.Logger
}

// Broker is a running embedded broker.
type Broker struct {
	o       Options
	cluster *kfake.Cluster
	lock    *lock
	journal *journal
	space   *space
	stop    context.CancelFunc
	done    sync.WaitGroup
	close   sync.Once
	addrs   []string

	unjournaled since
}

// Start repairs the data folder where needed and starts the broker on it. It
// fails at once if another process has the folder, naming it.
func Start(ctx context.Context, o Options) (*Broker, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Reserve == 0 {
		o.Reserve = defaultReserve
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Broker{o: o}
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(err, b.release())
	}
	return b, nil
}

func (b *Broker) start(ctx context.Context) error {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.WithLogger(logger{b.o.Log}),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, b.o.Listen) }),
		kfake.SleepOutOfOrder(),
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{
			"log.cleaner.backoff.ms":           never,
			"log.segment.bytes":                segmentBytes,
			"group.initial.rebalance.delay.ms": "0",
		}),
	}
	if b.o.Dir != "" {
		if err := b.open(); err != nil {
			return err
		}
		opts = append(opts, kfake.DataDir(b.data()))
		if b.o.SyncWrites {
			opts = append(opts, kfake.SyncWrites())
		}
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return fmt.Errorf("starting the embedded broker on %s: %w", b.o.Listen, err)
	}
	b.cluster, b.addrs = cluster, cluster.ListenAddrs()
	if b.o.Dir != "" {
		b.guard()
	}
	ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	if b.o.Dir != "" {
		b.done.Go(func() { b.retain(ctx) })
	}
	return nil
}

// data is the folder kfake owns.
func (b *Broker) data() string { return filepath.Join(b.o.Dir, "kafka") }

// open takes the lock and makes the data fit to be served.
func (b *Broker) open() error {
	if err := os.MkdirAll(b.o.Dir, 0o755); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	var err error
	if b.lock, err = take(b.o.Dir); err != nil {
		return err
	}
	if b.space, err = newSpace(b.o.Dir, b.o.Reserve, b.o.Log); err != nil {
		return err
	}
	begin := time.Now()
	repaired, err := repair(b.data(), time.Now())
	if err != nil {
		return fmt.Errorf("repairing %s: %w", b.data(), err)
	}
	if repaired.any() {
		b.o.Log.Warn("the broker was not shut down cleanly: its data is repaired", "committed", repaired.committed,
			"aborted", repaired.aborted, "bytes_cut", repaired.cut, "took", time.Since(begin))
	}
	before, after, err := compact(b.data(), time.Now())
	if err != nil {
		return fmt.Errorf("compacting %s: %w", b.data(), err)
	}
	if before != after {
		b.o.Log.Info("compacted topics", "bytes_before", before, "bytes_after", after)
	}
	b.journal, err = openJournal(b.data(), b.o.SyncWrites)
	return err
}

// guard sees requests before the broker does, on the broker's own goroutine.
func (b *Broker) guard() {
	observe := func(key kmsg.Key, see func(kmsg.Request) kmsg.Response) {
		b.cluster.ControlKey(key.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			b.cluster.KeepControl()
			resp := see(req)
			return resp, nil, resp != nil
		})
	}
	observe(kmsg.Produce, b.space.produce)
	observe(kmsg.CreateTopics, b.space.createTopics)
	observe(kmsg.TxnOffsetCommit, b.journal.offsets)
	observe(kmsg.EndTxn, func(req kmsg.Request) kmsg.Response {
		resp, err := b.journal.end(req, time.Now())
		if err != nil {
			b.unjournaled.begin(time.Now())
			b.o.Log.Error("a transaction cannot end: its journal cannot be written", "error", err)
		} else {
			b.unjournaled.end()
		}
		return resp
	})
}

// Addrs returns the addresses to connect to.
func (b *Broker) Addrs() []string { return b.addrs }

// Close stops the broker after writing down what a quick start needs. Further
// calls do nothing.
func (b *Broker) Close() error {
	var err error
	b.close.Do(func() {
		b.stop()
		b.done.Wait()
		b.cluster.Close()
		if b.o.Dir != "" {
			err = markClean(b.data())
		}
		err = errors.Join(err, b.release())
	})
	return err
}

func (b *Broker) release() error {
	var errs []error
	if b.journal != nil {
		errs = append(errs, b.journal.close())
	}
	if b.lock != nil {
		errs = append(errs, b.lock.release())
	}
	return errors.Join(errs...)
}

// logger passes kfake's warnings and errors on; the rest is debug.
type logger struct{ log *slog.Logger }

// Logf is for the kfake.Logger interface.
func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	at := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		at = slog.LevelError
	case kfake.LogLevelWarn:
		// A few milliseconds are slow to kfake, and are nobody's concern here.
		if !strings.HasPrefix(format, "txn: EndTxn slow") {
			at = slog.LevelWarn
		}
	}
	if l.log.Enabled(context.Background(), at) {
		l.log.Log(context.Background(), at, "embedded broker: "+fmt.Sprintf(format, args...))
	}
}

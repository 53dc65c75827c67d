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

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
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

	// Listen is the address to listen on; "127.0.0.1:0" if empty. Clients
	// authenticate, but nothing is encrypted: keep it on the loopback.
	Listen string

	// SyncWrites has every record on the disk itself before it is
	// acknowledged, which survives power cuts and costs two fsyncs a batch.
	SyncWrites bool

	// Reserve is how many bytes of the disk must stay free for records to be
	// accepted; 32 MiB if zero.
	Reserve uint64

	// Registry gets the metrics of the connections; nil keeps them unseen.
	Registry prometheus.Registerer

	// Log gets what happens; nil discards it.
	Log *slog.Logger

	limits limits // tests make them small
}

// Broker is a running embedded broker.
type Broker struct {
	o       Options
	cluster *kfake.Cluster
	front   *front
	secret  string
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
	if o.limits == (limits{}) {
		o.limits = defaultLimits()
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
	if err := b.open(); err != nil {
		return err
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.WithLogger(logger{b.o.Log}),
		kfake.ListenFn(b.listen),
		kfake.EnableSASL(),
		kfake.Superuser(Mechanism, User, b.secret),
		kfake.MaxVersions(answeredVersions()),
		kfake.SleepOutOfOrder(),
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{
			"log.cleaner.backoff.ms":           never,
			"log.segment.bytes":                segmentBytes,
			"group.initial.rebalance.delay.ms": "0",
		}),
	}
	if b.o.Dir != "" {
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
	b.guard()
	if err := b.front.serve(); err != nil {
		cluster.Close()
		return fmt.Errorf("starting the embedded broker on %s: %w", b.o.Listen, err)
	}
	ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	if b.o.Dir != "" {
		b.done.Go(func() { b.retain(ctx) })
	}
	return nil
}

// answeredVersions are those of the latest Kafka but for producing by the IDs
// of topics: kfake panics if two topics of one request are gone.
func answeredVersions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(kmsg.Produce.Int16(), 12)
	return v
}

// data is the folder kfake owns.
func (b *Broker) data() string { return filepath.Join(b.o.Dir, "kafka") }

// listen puts the front between the network and the broker.
func (b *Broker) listen(network, _ string) (net.Listener, error) {
	l, err := net.Listen(network, b.o.Listen)
	if err != nil {
		return nil, err
	}
	b.front = newFront(l, b.login(l.Addr()), b.o)
	return b.front, nil
}

// login says how to authenticate, to those who failed to.
func (b *Broker) login(addr net.Addr) string {
	at := "which it keeps in memory"
	if path := b.SecretFile(); path != "" {
		at = "which its owner reads in " + path
	}
	return fmt.Sprintf("the broker at %s is embedded in \"belfry up\" and wants its secret, %s, as the password of user %s with %s",
		addr, at, User, Mechanism)
}

// open takes the lock and makes the data fit to be served.
func (b *Broker) open() error {
	var err error
	if b.o.Dir == "" {
		b.secret, err = newSecret()
		return err
	}
	if err := secure(b.o.Dir); err != nil {
		return err
	}
	if b.lock, err = take(b.o.Dir); err != nil {
		return err
	}
	if b.secret, err = openSecret(b.o.Dir); err != nil {
		return err
	}
	// The broker would go by the secret it knew last time.
	if err := os.Remove(filepath.Join(b.data(), "sasl.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
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
	observe(kmsg.CreateTopics, boundTopics)
	observe(kmsg.CreatePartitions, boundPartitions)
	if b.o.Dir == "" {
		return
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

// Secret is what clients authenticate with, as the password of User.
func (b *Broker) Secret() string { return b.secret }

// SecretIn names the file in a data folder that holds the secret.
func SecretIn(dir string) string { return filepath.Join(dir, secretFile) }

// SecretFile holds the secret; empty if all is in memory.
func (b *Broker) SecretFile() string {
	if b.o.Dir == "" {
		return ""
	}
	path := SecretIn(b.o.Dir)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// Accepting reports whether clients can connect: they cannot while
// descriptors are used up.
func (b *Broker) Accepting() bool { return b.front.accepting.Load() }

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

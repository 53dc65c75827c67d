package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sys/unix"

	"github.com/belfry-cron/belfry/internal/kafka"
)

func start(t testing.TB, o Options) *Broker {
	t.Helper()
	b, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func options(b *Broker) kafka.Options {
	return kafka.Options{Brokers: b.Addrs(), SASL: kafka.SASL{Mechanism: Mechanism, User: User, Password: b.Secret()}}
}

func client(t testing.TB, b *Broker) *kgo.Client {
	t.Helper()
	cl, err := options(b).Client()
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

func limited(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func create(t testing.TB, cl *kgo.Client, name string, partitions int32, configs map[string]string) {
	t.Helper()
	set := map[string]*string{}
	for k, v := range configs {
		set[k] = &v
	}
	_, err := kadm.NewClient(cl).CreateTopic(limited(t), partitions, 1, set, name)
	require.NoError(t, err)
}

func produce(t *testing.T, cl *kgo.Client, name string, values ...string) {
	t.Helper()
	for _, v := range values {
		key, value, _ := strings.Cut(v, "=")
		r := &kgo.Record{Topic: name, Key: []byte(key), Value: []byte(value)}
		if value == "" {
			r.Value = nil
		}
		require.NoError(t, cl.ProduceSync(limited(t), r).FirstErr())
	}
}

// contents returns "offset:key=value" of all committed records.
func contents(t *testing.T, b *Broker, name string) []string {
	t.Helper()
	var all []string
	require.NoError(t, kafka.ReadAll(limited(t), options(b), name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		all = append(all, fmt.Sprintf("%d:%s=%s", r.Offset, r.Key, r.Value))
		return nil
	}))
	return all
}

func TestInMemory(t *testing.T) {
	b := start(t, Options{})
	cl := client(t, b)
	create(t, cl, "x", 1, nil)
	produce(t, cl, "x", "a=1")
	require.Equal(t, []string{"0:a=1"}, contents(t, b, "x"))
	require.NoError(t, kafka.CheckFeatures(limited(t), cl))
}

func TestStartsInWellUnderASecond(t *testing.T) {
	begin := time.Now()
	start(t, Options{Dir: filepath.Join(t.TempDir(), "made", "here")})
	require.Less(t, time.Since(begin), time.Second)
}

func TestDataOutlivesTheBroker(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	cl := client(t, b)
	create(t, cl, "x", 1, nil)
	produce(t, cl, "x", "a=1", "b=2")
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())

	b = start(t, Options{Dir: dir})
	require.Equal(t, []string{"0:a=1", "1:b=2"}, contents(t, b, "x"))
	produce(t, client(t, b), "x", "c=3")
	require.Equal(t, []string{"0:a=1", "1:b=2", "2:c=3"}, contents(t, b, "x"))
}

func TestSecondBrokerOnAFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, Options{Dir: dir})
	_, err := Start(t.Context(), Options{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, fmt.Sprintf("pid %d", os.Getpid()))
}

func TestListenAddressInUse(t *testing.T) {
	b := start(t, Options{})
	_, err := Start(t.Context(), Options{Listen: b.Addrs()[0], Dir: t.TempDir()})
	require.ErrorContains(t, err, b.Addrs()[0])
}

func TestFullDiskRefusesButLosesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	_, err := Start(t.Context(), Options{Dir: dir, Reserve: 1 << 30})
	require.ErrorContains(t, err, "is full")

	b := start(t, Options{Dir: dir, Reserve: 4 << 20})
	cl := client(t, b)
	create(t, cl, "x", 2, nil)
	txn, err := options(b).Transactional("shard", kgo.RecordDeliveryTimeout(2*time.Second))
	require.NoError(t, err)
	defer txn.Close()
	require.NoError(t, txn.BeginTransaction())
	require.NoError(t, txn.ProduceSync(limited(t), &kgo.Record{Topic: "x", Partition: 1, Key: []byte("t"), Value: []byte("begun")}).FirstErr())

	ctx := limited(t)
	acked := 0
	quick, err := options(b).Client(kgo.RecordDeliveryTimeout(time.Second), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(t, err)
	defer quick.Close()
	for err == nil {
		require.Less(t, acked, 24)
		if err = quick.ProduceSync(ctx, &kgo.Record{Topic: "x", Value: make([]byte, 900_000)}).FirstErr(); err == nil {
			acked++
		}
	}
	require.Greater(t, acked, 5)
	full, failing := b.Troubles()
	require.WithinDuration(t, time.Now(), full, time.Minute)
	require.Zero(t, failing)
	require.NoError(t, txn.EndTransaction(ctx, kgo.TryCommit), "what was accepted can be committed")
	require.NoError(t, b.Close())

	b = start(t, Options{Dir: dir, Reserve: 1 << 20})
	kept := contents(t, b, "x")
	require.Len(t, kept, acked+1)
	require.Contains(t, kept, "0:t=begun")
	produce(t, client(t, b), "x", "room=again")
	full, _ = b.Troubles()
	require.Zero(t, full)
}

func TestRetentionKeepsTheLastRecordAndItsOffset(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	cl := client(t, b)
	create(t, cl, "x", 1, map[string]string{"retention.ms": "86400000"})
	create(t, cl, "y", 1, nil)
	produce(t, cl, "x", "a=1", "b=2", "c=3")
	produce(t, cl, "y", "a=1")
	require.NoError(t, b.expire(limited(t), time.Now().Add(23*time.Hour)))
	require.Len(t, contents(t, b, "x"), 3)
	require.NoError(t, b.expire(limited(t), time.Now().Add(25*time.Hour)))
	require.Equal(t, []string{"2:c=3"}, contents(t, b, "x"))
	require.Len(t, contents(t, b, "y"), 1)
	require.NoError(t, b.Close())

	b = start(t, Options{Dir: dir})
	produce(t, client(t, b), "x", "d=4")
	require.Contains(t, contents(t, b, "x"), "3:d=4")
}

func TestCompactionKeepsTheLastOfEachKey(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	cl := client(t, b)
	create(t, cl, "state", 1, map[string]string{"cleanup.policy": "compact", "delete.retention.ms": "0"})
	create(t, cl, "events", 1, map[string]string{"cleanup.policy": "delete"})
	produce(t, cl, "state", "gone=x", "kept=old", "gone=", "aborted=before")
	produce(t, cl, "events", "a=1", "a=2")
	transact(t, b, kgo.TryAbort, "aborted=never")
	transact(t, b, kgo.TryCommit, "kept=new")
	produce(t, cl, "state", strings.Split(strings.Repeat("big="+strings.Repeat("0123456789abcdef", 8000)+" ", 400)+"end=1", " ")...)
	before := newestOf(contents(t, b, "state"))
	delete(before, "gone")
	require.NoError(t, b.Close())
	uncompacted, err := os.Stat(filepath.Join(dir, "kafka", "partitions", "state-0", "0.dat"))
	require.NoError(t, err)

	b, err = Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	all := contents(t, b, "state")
	require.Len(t, all, 4)
	require.Equal(t, before, newestOf(all))
	require.Equal(t, []string{"0:a=1", "1:a=2"}, contents(t, b, "events"))
	cl = client(t, b)
	ends, err := kadm.NewClient(cl).ListEndOffsets(limited(t), "state")
	require.NoError(t, err)
	end, _ := ends.Lookup("state", 0)
	require.EqualValues(t, 4+2+2+401, end.Offset, "offsets go on where they were")
	require.NoError(t, b.Close())

	names, err := filepath.Glob(filepath.Join(dir, "kafka", "partitions", "state-0", "*.dat"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	info, err := os.Stat(names[0])
	require.NoError(t, err)
	require.Less(t, info.Size(), uncompacted.Size())
	b = start(t, Options{Dir: dir})
	require.Equal(t, all, contents(t, b, "state"))
}

// transact puts records into the topic state in one transaction.
func transact(t *testing.T, b *Broker, end kgo.TransactionEndTry, values ...string) {
	t.Helper()
	cl, err := options(b).Transactional("shard")
	require.NoError(t, err)
	defer cl.Close()
	require.NoError(t, cl.BeginTransaction())
	produce(t, cl, "state", values...)
	require.NoError(t, cl.EndTransaction(limited(t), end))
}

// newestOf returns the last "offset:key=value" of each key.
func newestOf(all []string) map[string]string {
	newest := map[string]string{}
	for _, line := range all {
		_, rest, _ := strings.Cut(line, ":")
		key, _, _ := strings.Cut(rest, "=")
		newest[key] = line
	}
	return newest
}

func TestCompactionCutShortLosesNothing(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	cl := client(t, b)
	create(t, cl, "state", 1, map[string]string{"cleanup.policy": "compact"})
	produce(t, cl, "state", "a=1", "b=2")
	require.NoError(t, b.Close())
	place := filepath.Join(dir, "kafka", "partitions", "state-0")
	work := filepath.Join(dir, "kafka", "belfry-compacting")

	for name, cut := range map[string]func() error{
		"while writing": func() error {
			return errors.Join(os.MkdirAll(filepath.Join(work, "state-0.new"), 0o755), os.WriteFile(filepath.Join(work, "state-0.new", "0.dat.tmp"), []byte("half"), 0o644))
		},
		"between the renames": func() error {
			return errors.Join(os.MkdirAll(filepath.Join(work, "state-0.new"), 0o755), os.Rename(place, filepath.Join(work, "state-0.old")))
		},
		"before clearing up": func() error {
			return errors.Join(os.MkdirAll(work, 0o755), exec.Command("cp", "-r", place, filepath.Join(work, "state-0.old")).Run())
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, cut())
			b, err := Start(t.Context(), Options{Dir: dir})
			require.NoError(t, err)
			require.Equal(t, []string{"0:a=1", "1:b=2"}, contents(t, b, "state"))
			require.NoError(t, b.Close())
			require.NoDirExists(t, work)
		})
	}
}

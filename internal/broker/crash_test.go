package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/kafka"
)

// TestMain is the broker of TestKill9 when started as its child.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BELFRY_BROKER_CHILD"); dir != "" {
		serve(dir)
		return
	}
	os.Exit(m.Run())
}

// serve runs a broker, says that it listens, and waits to be killed.
func serve(dir string) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if _, err := Start(context.Background(), Options{Dir: dir, Listen: os.Getenv("BELFRY_BROKER_LISTEN"), SyncWrites: true, Log: log}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// child is a broker in a process of its own.
type child struct {
	cmd *exec.Cmd
	log *os.File // its standard error
}

func spawn(t *testing.T, dir, listen string) *child {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := &child{cmd: exec.Command(self, "-test.run=^$")}
	c.cmd.Env = append(os.Environ(), "BELFRY_BROKER_CHILD="+dir, "BELFRY_BROKER_LISTEN="+listen)
	c.log, err = os.CreateTemp(t.TempDir(), "stderr")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.log.Close()) })
	c.cmd.Stderr = c.log
	_, err = c.cmd.StdinPipe() // closed when this process ends, however it does
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = c.cmd.Wait()
	}
	require.NoError(t, err, "the child's log: %s", c.stderr())
	require.Equal(t, "listening\n", line)
	return c
}

// stderr returns what the child has logged.
func (c *child) stderr() string {
	content, err := os.ReadFile(c.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(content)
}

func (c *child) kill9(t *testing.T) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, c.cmd.Wait())
}

// width is how many partitions each transaction of the test touches.
const width = 8

// TestKill9 kills the broker at random points while transactions are
// committed, each of a record in every partition and a group offset, and
// while a producer that outlives it sends plain records.
func TestKill9(t *testing.T) {
	rounds := 12
	if n, err := strconv.Atoi(os.Getenv("BELFRY_KILLS")); err == nil {
		rounds = n
	}
	dir, listen := t.TempDir(), freeAddress(t)
	o := kafka.Options{Brokers: []string{listen}, SASL: kafka.SASL{Mechanism: Mechanism, User: User, PasswordFile: filepath.Join(dir, secretFile)}}
	c := spawn(t, dir, listen)
	setUp(t, o)
	plain := newPlainProducer(t, o)

	acked := map[int]bool{}
	next, repaired := 0, 0
	for round := range rounds {
		ended, stop := make(chan int), make(chan struct{})
		ctx := limited(t)
		go func(from int) { ended <- commitUntil(ctx, stop, o, from, acked) }(next)
		<-time.After(100*time.Millisecond + rand.N(200*time.Millisecond))
		c.kill9(t)
		c = spawn(t, dir, listen)
		close(stop)
		next = <-ended
		require.NoError(t, ctx.Err(), "round %d: still waiting for an answer", round)
		check(t, o, round, next, acked)
		if strings.Contains(c.stderr(), "committed=1") {
			repaired++
		}
	}
	plain.check(t, o)
	committed := 0
	for _, ok := range acked {
		if ok {
			committed++
		}
	}
	t.Logf("%d transactions tried, %d acknowledged, %d commits completed by a repair, %d plain records", next, committed, repaired, plain.sent.Load())
	require.Greater(t, committed, rounds, "too little load")
	c.kill9(t)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	b := start(t, Options{})
	address := b.Addrs()[0]
	require.NoError(t, b.Close())
	return address
}

func setUp(t *testing.T, o kafka.Options) {
	t.Helper()
	cl, err := o.Client()
	require.NoError(t, err)
	defer cl.Close()
	create(t, cl, "out", width, nil)
	create(t, cl, "in", 1, nil)
	create(t, cl, "plain", 2, nil)
}

// commitUntil commits transactions numbered from next until one fails or stop
// is closed, and returns the number to go on with. What became of the one
// that failed is unknown.
func commitUntil(ctx context.Context, stop <-chan struct{}, o kafka.Options, next int, acked map[int]bool) int {
	cl, err := o.Transactional("shard")
	if err != nil {
		return next
	}
	defer cl.Close()
	for {
		select {
		case <-stop:
			return next
		default:
		}
		err := commitOne(ctx, cl, next)
		acked[next] = err == nil
		next++
		if err != nil {
			return next
		}
	}
}

func commitOne(ctx context.Context, cl *kgo.Client, n int) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	var records []*kgo.Record
	for p := range int32(width) {
		records = append(records, &kgo.Record{Topic: "out", Partition: p, Value: []byte(strconv.Itoa(n))})
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	if err := commitOffset(ctx, cl, int64(n+1)); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, kgo.TryCommit)
}

// commitOffset adds an offset of the group "group" to the transaction.
func commitOffset(ctx context.Context, cl *kgo.Client, offset int64) error {
	pid, epoch, err := cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = "shard", "group", pid, epoch
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic = "in"
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Offset = offset
	topic.Partitions = append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	meta, err := kadm.NewClient(cl).Metadata(ctx, "in")
	if err != nil {
		return err
	}
	req.Topics[0].TopicID = meta.Topics["in"].ID
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		return fmt.Errorf("committing an offset: code %d", code)
	}
	return nil
}

// check reads what the restarted broker has: each transaction is everywhere
// or nowhere, the acknowledged ones are everywhere, the group's offset is
// that of the last one.
func check(t *testing.T, o kafka.Options, round, next int, acked map[int]bool) {
	t.Helper()
	seen := map[int]int{}
	require.NoError(t, kafka.ReadAll(limited(t), o, "out", nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		n, err := strconv.Atoi(string(r.Value))
		seen[n]++
		return err
	}))
	last := 0
	for n := range next {
		require.Contains(t, []int{0, width}, seen[n], "round %d: transaction %d is torn", round, n)
		require.True(t, seen[n] > 0 || !acked[n], "round %d: acknowledged transaction %d is lost", round, n)
		if seen[n] > 0 {
			last = n + 1
		}
	}
	cl, err := o.Client()
	require.NoError(t, err)
	defer cl.Close()
	if last == 0 {
		return
	}
	offsets, err := kadm.NewClient(cl).FetchOffsets(limited(t), "group")
	require.NoError(t, err)
	at, ok := offsets.Lookup("in", 0)
	require.True(t, ok)
	require.EqualValues(t, last, at.At, "round %d: the offset went another way than the records", round)
}

// plainProducer sends numbered records through every crash.
type plainProducer struct {
	sent   atomic.Int64
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func newPlainProducer(t *testing.T, o kafka.Options) *plainProducer {
	t.Helper()
	cl, err := o.Client()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p := &plainProducer{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer cl.Close()
		for ctx.Err() == nil && p.err == nil {
			n := p.sent.Load()
			// Not cancelled: what is not acknowledged would be in doubt.
			p.err = cl.ProduceSync(context.WithoutCancel(ctx), &kgo.Record{Topic: "plain", Partition: int32(n % 2), Value: fmt.Append(nil, n)}).FirstErr()
			p.sent.Add(1)
		}
	}()
	t.Cleanup(cancel)
	return p
}

func (p *plainProducer) check(t *testing.T, o kafka.Options) {
	t.Helper()
	p.cancel()
	<-p.done
	require.NoError(t, p.err)
	times := map[string]int{}
	require.NoError(t, kafka.ReadAll(limited(t), o, "plain", nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		times[string(r.Value)]++
		return nil
	}))
	for n := range p.sent.Load() {
		require.Equal(t, 1, times[fmt.Sprint(n)], "plain record %d", n)
	}
}

// TestRepairOfACutCommit puts data folders together as a crash in the middle
// of a commit leaves them: some partitions have the marker, others do not.
func TestRepairOfACutCommit(t *testing.T) {
	open, ended := imagesAroundACommit(t)
	for name, c := range map[string]struct {
		markers int // of two
		offset  bool
		want    []string
		at      int64
	}{
		"no marker written, aborted":             {0, false, []string{"1"}, 1},
		"one marker written, completed":          {1, false, []string{"1", "2"}, 2},
		"all but the offset written, completed":  {2, false, []string{"1", "2"}, 2},
		"all but the producer's state, complete": {2, true, []string{"1", "2"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			dir := image(t, open)
			take := []string{"belfry-transaction.journal"}
			for p := range c.markers {
				take = append(take, fmt.Sprintf("partitions/out-%d/0.dat", p), fmt.Sprintf("partitions/out-%d/0.idx", p))
			}
			if c.offset {
				take = append(take, "groups.log")
			}
			for _, name := range take {
				content, err := os.ReadFile(filepath.Join(ended, "kafka", name))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, "kafka", name), content, 0o644))
			}
			b := start(t, Options{Dir: dir})
			require.Equal(t, c.want, valuesOf(t, b, 0))
			require.Equal(t, c.want, valuesOf(t, b, 1))
			require.Equal(t, c.at, offsetOf(t, b))

			commit(t, b, 3)
			want := append(c.want, "3")
			again := start(t, Options{Dir: image(t, dir)})
			require.Equal(t, want, valuesOf(t, again, 0), "after one more crash")
			require.Equal(t, want, valuesOf(t, again, 1), "after one more crash")
			require.EqualValues(t, 3, offsetOf(t, again))
		})
	}
}

// imagesAroundACommit returns copies of a data folder whose transaction 1 is
// committed, from before and after the commit of transaction 2.
func imagesAroundACommit(t *testing.T) (open, ended string) {
	t.Helper()
	dir := t.TempDir()
	b := start(t, Options{Dir: dir})
	cl := client(t, b)
	create(t, cl, "out", 2, nil)
	create(t, cl, "in", 1, nil)
	commit(t, b, 1)
	txn, err := options(b).Transactional("shard")
	require.NoError(t, err)
	defer txn.Close()
	fill(t, txn, 2)
	open = image(t, dir)
	require.NoError(t, txn.EndTransaction(limited(t), kgo.TryCommit))
	return open, image(t, dir)
}

// image copies a data folder in use: what a crash in this instant leaves.
func image(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "image")
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

func commit(t *testing.T, b *Broker, n int) {
	t.Helper()
	txn, err := options(b).Transactional("shard")
	require.NoError(t, err)
	defer txn.Close()
	fill(t, txn, n)
	require.NoError(t, txn.EndTransaction(limited(t), kgo.TryCommit))
}

// fill begins transaction n: a record in each of two partitions, an offset.
func fill(t *testing.T, txn *kgo.Client, n int) {
	t.Helper()
	require.NoError(t, txn.BeginTransaction())
	for p := range int32(2) {
		r := &kgo.Record{Topic: "out", Partition: p, Value: fmt.Append(nil, n)}
		require.NoError(t, txn.ProduceSync(limited(t), r).FirstErr())
	}
	require.NoError(t, commitOffset(limited(t), txn, int64(n)))
}

func valuesOf(t *testing.T, b *Broker, p int32) []string {
	t.Helper()
	var values []string
	require.NoError(t, kafka.ReadAll(limited(t), options(b), "out", []int32{p}, kafka.ReadCommitted, func(r *kgo.Record) error {
		values = append(values, string(r.Value))
		return nil
	}))
	return values
}

func offsetOf(t *testing.T, b *Broker) int64 {
	t.Helper()
	offsets, err := kadm.NewClient(client(t, b)).FetchOffsets(limited(t), "group")
	require.NoError(t, err)
	at, ok := offsets.Lookup("in", 0)
	require.True(t, ok)
	return at.At
}

// TestRepairOfHalfWrittenFiles damages the ends of files as a crash or a full
// disk does.
func TestRepairOfHalfWrittenFiles(t *testing.T) {
	open, _ := imagesAroundACommit(t)
	for name, damage := range map[string]func(t *testing.T, data string){
		"a batch cut short": func(t *testing.T, data string) { add(t, data, "partitions/out-0/0.dat", "\x00\x00\x00") },
		"an index entry cut short": func(t *testing.T, data string) {
			add(t, data, "partitions/out-0/0.idx", "\x01\x02")
		},
		"an open transaction's batch without its index entry": func(t *testing.T, data string) {
			info, err := os.Stat(filepath.Join(data, "partitions/out-0/0.idx"))
			require.NoError(t, err)
			require.NoError(t, os.Truncate(filepath.Join(data, "partitions/out-0/0.idx"), info.Size()-indexEntrySize))
		},
		"no index": func(t *testing.T, data string) {
			require.NoError(t, os.Remove(filepath.Join(data, "partitions/out-0/0.idx")))
		},
		"an entry of the groups' log cut short": func(t *testing.T, data string) {
			add(t, data, "groups.log", "\x40\x00\x00\x00\x01\x02")
		},
		"an entry of the producers' log cut short": func(t *testing.T, data string) {
			add(t, data, "pids.log", "\x40\x00\x00\x00\x01\x02")
		},
		"a journal cut short": func(t *testing.T, data string) {
			require.NoError(t, os.WriteFile(journalPath(data), []byte("\x40\x00\x00\x00\x01\x02\x03\x04{"), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := image(t, open)
			damage(t, filepath.Join(dir, "kafka"))
			b := start(t, Options{Dir: dir})
			require.Equal(t, []string{"1"}, valuesOf(t, b, 0))
			commit(t, b, 3)
			again := start(t, Options{Dir: image(t, dir)})
			require.Equal(t, []string{"1", "3"}, valuesOf(t, again, 0))
			require.EqualValues(t, 3, offsetOf(t, again))
		})
	}
}

func add(t *testing.T, data, name, content string) {
	t.Helper()
	require.NoError(t, extend(filepath.Join(data, name), []byte(content)))
}

// TestRestartFencesOpenTransactions has a producer go on after a crash that
// aborted the first half of its transaction.
func TestRestartFencesOpenTransactions(t *testing.T) {
	dir, listen := t.TempDir(), freeAddress(t)
	o := kafka.Options{Brokers: []string{listen}, SASL: kafka.SASL{Mechanism: Mechanism, User: User, PasswordFile: filepath.Join(dir, secretFile)}}
	c := spawn(t, dir, listen)
	setUp(t, o)
	txn, err := o.Transactional("shard")
	require.NoError(t, err)
	defer txn.Close()
	require.NoError(t, txn.BeginTransaction())
	half := func(n int32) error {
		return txn.ProduceSync(limited(t), &kgo.Record{Topic: "out", Partition: n, Value: []byte("half")}).FirstErr()
	}
	require.NoError(t, half(0))
	c.kill9(t)
	c = spawn(t, dir, listen)
	defer c.kill9(t)
	err = half(1)
	if err == nil {
		err = txn.EndTransaction(limited(t), kgo.TryCommit)
	}
	require.Equal(t, kafka.ClassFenced, kafka.Classify(err), "%v", err)
	require.NoError(t, kafka.ReadAll(limited(t), o, "out", nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		return fmt.Errorf("read %s", r.Value)
	}))
}

package main

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

// kafkaVariable names the version of Kafka that is started for the long test, or
// brokersVariable brokers that run already, which are not killed; requestsVariable
// how many requests it sends (2,000).
const (
	kafkaVariable    = "BELFRY_TEST_KAFKA"
	brokersVariable  = "BELFRY_TEST_BROKERS"
	requestsVariable = "PINGPONG_REQUESTS"
	childVariable    = "PINGPONG_TEST_CHILD"
)

// TestMain lets the test's own binary be the instances it starts and kills.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestExactlyOneAnswer: every request has one answer, the right one, although
// instances are killed, come back, join and leave.
func TestExactlyOneAnswer(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	w := newWorld(t, cluster.ListenAddrs(), 300)
	w.start("a")
	w.start("b")
	w.send(0, 100)
	w.await(50)
	w.kill("a")
	w.start("c")
	w.send(100, 200)
	w.start("a")
	w.await(150)
	w.leave("b")
	w.send(200, 300)
	w.judge()
}

// TestExactlyOneAnswerOnKafka: the same on three real brokers, of which one is
// killed as well.
func TestExactlyOneAnswerOnKafka(t *testing.T) {
	version, brokers := os.Getenv(kafkaVariable), strings.Split(os.Getenv(brokersVariable), ",")
	if version == "" && brokers[0] == "" {
		t.Skip(kafkaVariable + " names no version of Kafka to start, " + brokersVariable + " no brokers")
	}
	n := 2000
	if text := os.Getenv(requestsVariable); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	killBroker, restartBroker := func() {}, func() {}
	if brokers[0] == "" {
		cluster := kafkatest.Run(t, kafkatest.Options{Version: version})
		brokers = cluster.Brokers()
		killBroker = func() { require.NoError(t, cluster.Kill(1)) }
		restartBroker = func() { require.NoError(t, cluster.Restart(t.Context(), 1)) }
	}
	w := newWorld(t, brokers, n)
	w.start("a")
	w.start("b")
	w.send(0, n/5)
	w.await(n / 10)
	w.kill("a")
	w.start("c")
	w.send(n/5, 2*n/5)
	w.start("a")
	w.await(3 * n / 10)
	killBroker()
	w.send(2*n/5, 3*n/5)
	w.await(n / 2)
	w.leave("b")
	restartBroker()
	w.kill("c")
	w.send(3*n/5, n)
	w.start("c")
	w.judge()
}

// world is a Kafka with requests and the instances that answer them.
type world struct {
	t         *testing.T
	brokers   []string
	dir       string
	client    *kgo.Client // sends requests, reads answers
	admin     *kadm.Client
	kinds     []string // names of events, in turn
	n         int      // how many requests there will be
	instances map[string]*exec.Cmd
	answers   map[string][]*kgo.Record // by the request's key
}

func newWorld(t *testing.T, brokers []string, n int) *world {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ProducerBatchMaxBytes(4<<20), // a mebibyte of one letter is small once compressed
		kgo.ConsumeTopics(topicSucceeded, topicFailed),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	w := &world{
		t: t, brokers: brokers, dir: t.TempDir(), client: client, admin: kadm.NewClient(client), n: n,
		kinds: slices.Sorted(maps.Keys(events())), instances: map[string]*exec.Cmd{}, answers: map[string][]*kgo.Record{},
	}
	made, err := w.admin.CreateTopics(t.Context(), 6, int16(min(len(brokers), 3)), map[string]*string{"min.insync.replicas": new(strconv.Itoa(min(len(brokers), 2)))},
		topicRequested, topicSucceeded, topicFailed)
	require.NoError(t, err)
	require.NoError(t, made.Error())
	t.Cleanup(w.stop)
	return w
}

// start starts an instance, or starts it again.
func (w *world) start(name string) {
	log, err := os.OpenFile(filepath.Join(w.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(w.t, err)
	self, err := os.Executable()
	require.NoError(w.t, err)
	cmd := exec.Command(self, "-k", strings.Join(w.brokers, ","), "-name", name)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(w.t, cmd.Start())
	require.NoError(w.t, log.Close())
	w.instances[name] = cmd
}

// kill ends an instance with SIGKILL.
func (w *world) kill(name string) {
	require.NoError(w.t, w.instances[name].Process.Kill())
	require.Error(w.t, w.instances[name].Wait())
	delete(w.instances, name)
}

// leave ends an instance with SIGINT: it says goodbye to the group.
func (w *world) leave(name string) {
	require.NoError(w.t, w.instances[name].Process.Signal(os.Interrupt))
	require.NoError(w.t, w.instances[name].Wait())
	delete(w.instances, name)
}

func (w *world) stop() {
	for name := range w.instances {
		w.kill(name)
	}
	if w.t.Failed() {
		for _, name := range []string{"a", "b", "c"} {
			text, _ := os.ReadFile(filepath.Join(w.dir, name+".log"))
			for line := range strings.Lines(string(text)) {
				if !strings.Contains(line, `"msg":"answered"`) {
					w.t.Logf("%s: %.300s", name, line)
				}
			}
		}
	}
}

// kind is what request i is.
func (w *world) kind(i int) [3]string { return events()[w.kinds[i%len(w.kinds)]] }

// send sends the requests from i to before j, keyed by their number.
func (w *world) send(i, j int) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	all := events()
	for ; i < j; i++ {
		e := all[w.kinds[i%len(w.kinds)]]
		w.client.Produce(ctx, &kgo.Record{Topic: topicRequested, Key: []byte(strconv.Itoa(i)), Value: []byte(e[0])}, func(_ *kgo.Record, err error) {
			if err != nil {
				w.t.Errorf("sending a request: %v", err)
			}
		})
	}
	require.NoError(w.t, w.client.Flush(ctx))
}

// await reads answers until that many requests have one.
func (w *world) await(requests int) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	for len(w.answers) < requests {
		fetches := w.client.PollFetches(ctx)
		require.NoError(w.t, ctx.Err(), "%d of %d answers", len(w.answers), requests)
		w.keep(fetches)
	}
}

func (w *world) keep(fetches kgo.Fetches) {
	fetches.EachRecord(func(r *kgo.Record) {
		w.answers[string(r.Key)] = append(w.answers[string(r.Key)], r)
	})
}

// judge waits until every request was read, reads whatever was answered, and
// holds each answer against its request.
func (w *world) judge() {
	w.await(w.n)
	// An instance has not committed as read the requests that it will answer
	// again; once all are committed, nothing can follow.
	require.Eventually(w.t, func() bool {
		lag, err := w.admin.Lag(w.t.Context(), group)
		return err == nil && lag.Error() == nil && lag[group].Lag.Total() == 0 && lag[group].State == "Stable"
	}, 2*time.Minute, 200*time.Millisecond)
	ends, err := w.admin.ListCommittedOffsets(w.t.Context(), topicSucceeded, topicFailed)
	require.NoError(w.t, err)
	require.NoError(w.t, ends.Error())
	written := 0
	ends.Each(func(o kadm.ListedOffset) { written += w.count(o) })
	require.Equal(w.t, w.n, written, "answers in the log")
	for i := range w.n {
		e := w.kind(i)
		got := w.answers[strconv.Itoa(i)]
		require.Len(w.t, got, 1, "request %d (%s)", i, w.kinds[i%len(w.kinds)])
		require.Equal(w.t, e[1], got[0].Topic)
		require.Equal(w.t, e[2], string(got[0].Value))
	}
}

// count returns how many committed records lie before an offset.
func (w *world) count(end kadm.ListedOffset) int {
	if end.Offset <= 0 {
		return 0
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{end.Topic: {end.Partition: kgo.NewOffset().AtStart()}}))
	require.NoError(w.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	count := 0
	for next := int64(0); next < end.Offset; {
		fetches := client.PollFetches(ctx)
		require.NoError(w.t, ctx.Err(), "%s/%d: at %d of %d", end.Topic, end.Partition, next, end.Offset)
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				count++
			}
		})
	}
	return count
}

package broker

import (
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// counted returns the value of a metric, its labels' values joined to the
// name with spaces.
func counted(t *testing.T, reg *prometheus.Registry, series string) int {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if strings.Join(append([]string{f.GetName()}, labels(m)...), " ") == series {
				return int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
	}
	require.Fail(t, "no such series", series)
	return 0
}

func labels(m *dto.Metric) []string {
	var all []string
	for _, l := range m.GetLabel() {
		all = append(all, l.GetValue())
	}
	return all
}

func eventually(t *testing.T, why string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 30*time.Second, time.Millisecond, why)
}

func TestBadFrameEndsItsConnectionOnly(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := start(t, Options{Registry: reg})
	witness := member(t, b)
	unknownKey := []byte{0, 0, 0, 10, 0x7f, 0x7f, 0, 0, 0, 0, 0, 1, 0xff, 0xff}
	refused := 0
	for _, raw := range [][]byte{
		unknownKey,
		{0, 0, 0, 11, 0x7f, 0x7f, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0}, // the same, in the newer form
		{0, 0, 0, 10, 0, 3, 0x7f, 0xff, 0, 0, 0, 1, 0xff, 0xff},    // a version nobody knows
		{0, 0, 0, 10, 0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff},    // one below all
		{0, 0, 0, 10, 0, 18, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff},   // the same of ApiVersions
		{0, 0, 0, 9, 0, 3, 0, 1, 0, 0, 0, 1, 0xff},                 // shorter than a header
		{0, 0, 0, 0},             // nothing
		{0xff, 0xff, 0xff, 0xff}, // less than nothing
		{0x7f, 0xff, 0xff, 0xff}, // more than a request may have
		{0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff},                                                // a name longer than the frame
		{0, 0, 0, 15, 0, 3, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f},                 // four thousand million tags
		[]byte("GET / HTTP/1.1\r\nHost: belfry\r\n\r\n"),                                                 // another protocol
		{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, // and another: TLS
	} {
		for _, c := range []*rawClient{dial(t, b), member(t, b)} {
			c.send(raw)
			c.requireClosed(string(raw))
			refused++
			require.Equal(t, refused, counted(t, reg, "belfry_broker_refused_total frame"))
		}
	}
	require.Zero(t, witness.ask(kmsg.NewPtrListGroupsRequest()).(*kmsg.ListGroupsResponse).ErrorCode)
	eventually(t, "only the witness is left", func() bool { return counted(t, reg, "belfry_broker_connections") == 1 })
}

// Only what leads to authentication is answered before it, and the answer to
// one request must have come before the next is asked.
func TestStrangersMayOnlyAuthenticate(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := start(t, Options{Dir: t.TempDir(), Registry: reg})
	for key, v := range b.front.requests {
		req := kmsg.RequestForKey(key)
		req.SetVersion(v.max)
		c := dial(t, b)
		c.send(frame(req))
		switch kmsg.Key(key) {
		case kmsg.ApiVersions, kmsg.SASLHandshake, kmsg.SASLAuthenticate:
			_, err := c.answer()
			require.NoError(t, err, kmsg.NameForKey(key))
		default:
			c.requireClosed(kmsg.NameForKey(key))
		}
	}
	require.Equal(t, len(b.front.requests)-3, counted(t, reg, "belfry_broker_refused_total early"))

	c := dial(t, b)
	hello := kmsg.NewPtrSASLHandshakeRequest()
	hello.Version, hello.Mechanism = 1, Mechanism
	c.send(append(frame(hello), frame(kmsg.NewPtrListGroupsRequest())...))
	_, _ = c.answer() // whether it still comes is chance
	c.requireClosed("a request behind the handshake")
}

// An end of a transaction that is refused for want of authentication must
// leave no trace: the journal is written before the broker looks at it.
func TestStrangerLeavesNoTraceInTheJournal(t *testing.T) {
	b := start(t, Options{Dir: t.TempDir()})
	c := dial(t, b)
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.Commit = "shard", 1, true
	c.send(frame(req))
	c.requireClosed("EndTxn")
	member(t, b).ask(kmsg.NewPtrListGroupsRequest()) // the broker is past it
	content, err := os.ReadFile(journalPath(b.data()))
	require.NoError(t, err)
	require.Empty(t, content)
}

func TestWrongSecretIsToldWhereTheRightOneIs(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := start(t, Options{Dir: t.TempDir(), Registry: reg})
	c := dial(t, b)
	resp := c.authenticate("guessed")
	require.Equal(t, kerr.SaslAuthenticationFailed.Code, resp.ErrorCode)
	require.Contains(t, *resp.ErrorMessage, b.SecretFile())
	require.Contains(t, *resp.ErrorMessage, User)
	c.requireClosed("after a wrong secret")
	require.Equal(t, 1, counted(t, reg, "belfry_broker_refused_total secret"))
}

func TestNumberOfConnectionsIsBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := start(t, Options{Registry: reg, limits: limits{conns: 3, strangers: 2, stranger: time.Minute, frame: time.Minute, idle: time.Minute}})
	one := member(t, b)
	first, second := dial(t, b), dial(t, b)
	first.ask(kmsg.NewPtrApiVersionsRequest())
	second.ask(kmsg.NewPtrApiVersionsRequest())
	dial(t, b).requireClosed("one above all bounds")
	require.Equal(t, 1, counted(t, reg, "belfry_broker_refused_total full"))

	require.NoError(t, one.conn.Close())
	eventually(t, "one has left", func() bool { return counted(t, reg, "belfry_broker_connections") == 2 })
	dial(t, b).requireClosed("one stranger too many")
	require.Equal(t, 1, counted(t, reg, "belfry_broker_refused_total strangers"))

	first.authenticate(b.Secret())
	member(t, b) // the place among strangers is free again
	require.Equal(t, 3, counted(t, reg, "belfry_broker_connections"))
}

func TestTimeOfConnectionsIsBounded(t *testing.T) {
	short := 50 * time.Millisecond
	slow := func(reg *prometheus.Registry) int { return counted(t, reg, "belfry_broker_refused_total slow") }
	t.Run("authentication", func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := start(t, Options{Registry: reg, limits: limits{conns: 9, strangers: 9, stranger: short, frame: time.Minute, idle: time.Minute}})
		dial(t, b).requireClosed("it says nothing")
		require.Equal(t, 1, slow(reg))
	})
	t.Run("request", func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := start(t, Options{Registry: reg, limits: limits{conns: 9, strangers: 9, stranger: time.Minute, frame: short, idle: time.Minute}})
		c := member(t, b)
		raw := frame(kmsg.NewPtrListGroupsRequest())
		c.send(raw[:len(raw)-1])
		c.requireClosed("its last byte never comes")
		require.Equal(t, 1, slow(reg))
		large := frame(&kmsg.ProduceRequest{Version: 3, Topics: []kmsg.ProduceRequestTopic{{Partitions: []kmsg.ProduceRequestTopicPartition{{Records: make([]byte, 1<<20)}}}}})
		c = member(t, b)
		c.send(large[:1<<19])
		c.requireClosed("half of it never comes")
		require.Equal(t, 2, slow(reg))
	})
	t.Run("idle", func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := start(t, Options{Registry: reg, limits: limits{conns: 9, strangers: 9, stranger: time.Minute, frame: time.Minute, idle: short}})
		member(t, b).requireClosed("it has nothing to ask")
		require.Equal(t, 1, counted(t, reg, "belfry_broker_refused_total idle"))
	})
}

// failing is a listener whose descriptors are used up while err is set.
type failing struct {
	net.Listener
	mu  sync.Mutex
	err error
}

func (f *failing) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failing) Accept() (net.Conn, error) {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.Listener.Accept()
}

func TestAcceptingGoesOnAfterErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	reg := prometheus.NewRegistry()
	broken := &failing{Listener: l, err: &net.OpError{Op: "accept", Err: syscall.EMFILE}}
	f := newFront(broken, "", Options{Registry: reg, limits: defaultLimits(), Log: slog.New(slog.DiscardHandler)})
	go f.run()
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	eventually(t, "three errors are counted", func() bool { return counted(t, reg, "belfry_broker_accept_errors_total") >= 3 })
	require.False(t, f.accepting.Load())

	broken.set(nil)
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	accepted, err := f.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, accepted.Close()) })
	require.True(t, f.accepting.Load())
}

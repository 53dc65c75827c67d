package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxConns is how many connections may be open. Each client of a member
	// has a handful.
	maxConns = 1024

	// maxStrangers is how many of them may not be authenticated yet. It is
	// apart from maxConns, so that strangers cannot use up all of them.
	maxStrangers = 128

	// After an error, accepting waits this long, doubled up to the most.
	acceptBackoff, acceptMostBackoff = 5 * time.Millisecond, time.Second
)

// limits bound what clients may take. Tests make them small.
type limits struct {
	conns, strangers      int
	stranger, frame, idle time.Duration
}

func defaultLimits() limits {
	return limits{conns: maxConns, strangers: maxStrangers, stranger: strangerTime, frame: frameTime, idle: idleTime}
}

// refusal is why a connection was refused or ended, and a metric's label.
type refusal string

const (
	refusedFull      refusal = "full"      // too many are open
	refusedStrangers refusal = "strangers" // too many are not authenticated yet
	refusedFrame     refusal = "frame"     // a request that is none, or too large
	refusedEarly     refusal = "early"     // a request before authentication
	refusedSecret    refusal = "secret"    // authentication failed
	refusedSlow      refusal = "slow"      // a request or an answer took too long
	refusedIdle      refusal = "idle"      // nothing was asked for long
)

// front stands between the network and the broker, which believes what it is
// sent, gives up listening at the first error, and has no bounds. It is the
// listener that the broker is given.
type front struct {
	listener net.Listener
	log      *slog.Logger
	limits   limits
	metrics  *metrics
	login    string // how to authenticate, for those who fail to

	requests  requests      // known before the first connection is accepted
	accepted  chan net.Conn // on their way to the broker
	accepting atomic.Bool   // false while accepting fails
	done      chan struct{}
	once      sync.Once

	mu              sync.Mutex
	open, strangers int
	said            time.Time // when a refusal was last logged
	unsaid          int       // refusals since
}

func newFront(l net.Listener, login string, o Options) *front {
	f := &front{
		listener: l, log: o.Log, limits: o.limits, login: login,
		accepted: make(chan net.Conn), done: make(chan struct{}),
	}
	f.accepting.Store(true)
	f.metrics = newMetrics(o.Registry, f)
	return f
}

// serve asks the broker what it answers, and then lets clients in until the
// front is closed.
func (f *front) serve() error {
	var err error
	if f.requests, err = f.ask(); err != nil {
		return fmt.Errorf("asking the broker what it answers: %w", err)
	}
	go f.run()
	return nil
}

// ask gets the requests that the broker answers from itself.
func (f *front) ask() (requests, error) {
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close() }()
	if err := ours.SetDeadline(time.Now().Add(frameTime)); err != nil {
		return nil, err
	}
	if !f.hand(theirs) {
		return nil, net.ErrClosed
	}
	req := kmsg.NewPtrApiVersionsRequest()
	if _, err := ours.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 0)); err != nil {
		return nil, err
	}
	start := make([]byte, 8) // length and correlation ID
	if _, err := io.ReadFull(ours, start); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(start)-4)
	if _, err := io.ReadFull(ours, body); err != nil {
		return nil, err
	}
	resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
	if err := resp.ReadFrom(body); err != nil {
		return nil, err
	}
	return newRequests(resp.ApiKeys), nil
}

// run accepts connections. Errors, like descriptors used up, pass or do not:
// it goes on either way.
func (f *front) run() {
	backoff := acceptBackoff
	for {
		c, err := f.listener.Accept()
		switch {
		case err == nil:
			backoff = acceptBackoff
			if !f.accepting.Swap(true) {
				f.log.Info("the embedded broker accepts connections again")
			}
			f.enter(c)
			continue
		case f.ended():
			return
		}
		f.metrics.acceptErrors.Inc()
		if f.accepting.Swap(false) {
			f.log.Error("the embedded broker cannot accept connections; it keeps trying", "error", err)
		}
		select {
		case <-f.done:
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, acceptMostBackoff)
	}
}

// enter hands a new connection to the broker if there is room for it.
func (f *front) enter(c net.Conn) {
	if why := f.room(); why != "" {
		_ = f.refuse(why, c, fmt.Errorf("of at most %d connections, %d of them not authenticated, there are enough", f.limits.conns, f.limits.strangers))
		_ = c.Close() // it was never used
		return
	}
	guarded, err := newConn(c, f)
	if err != nil || !f.hand(guarded) {
		_ = guarded.Close()
	}
}

// room counts one more stranger, or says why there is no room for it.
func (f *front) room() refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.open >= f.limits.conns:
		return refusedFull
	case f.strangers >= f.limits.strangers:
		return refusedStrangers
	}
	f.open++
	f.strangers++
	return ""
}

// admit counts a stranger as one of us.
func (f *front) admit() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.strangers--
}

// leave counts a connection no more.
func (f *front) leave(stranger bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	if stranger {
		f.strangers--
	}
}

func (f *front) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// refuse counts a refusal, logs it unless one was logged within the last
// minute, and returns it as an error.
func (f *front) refuse(why refusal, c net.Conn, err error) error {
	f.metrics.refused.WithLabelValues(string(why)).Inc()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsaid++
	if now := time.Now(); now.Sub(f.said) > sayEvery {
		f.log.Warn("the embedded broker refused a client", "client", c.RemoteAddr().String(), "reason", string(why), "error", err,
			"refused_since_last_said", f.unsaid)
		f.said, f.unsaid = now, 0
	}
	return err
}

// hand waits until the broker takes the connection.
func (f *front) hand(c net.Conn) bool {
	select {
	case f.accepted <- c:
		return true
	case <-f.done:
		return false
	}
}

func (f *front) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// Accept is for the broker. It fails only when the front is closed.
func (f *front) Accept() (net.Conn, error) {
	select {
	case c := <-f.accepted:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

// Addr returns where clients connect to.
func (f *front) Addr() net.Addr { return f.listener.Addr() }

// Close ends listening; the broker closes the connections.
func (f *front) Close() error {
	err := net.ErrClosed
	f.once.Do(func() {
		close(f.done)
		err = f.listener.Close()
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

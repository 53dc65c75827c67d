package broker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// strangerTime is how long authentication may take.
	strangerTime = 5 * time.Second

	// frameTime is how long a request may take to arrive once begun, and
	// an answer to be taken.
	frameTime = 30 * time.Second

	// idleTime is how long a client may ask nothing; Kafka's default too.
	idleTime = 10 * time.Minute

	// scramSteps is how many answers authentication takes.
	scramSteps = 2
)

// conn is a client's connection as the broker sees it: reading yields only
// frames that were checked, and before authentication only those that lead
// there. The broker reads and writes on goroutines of their own.
type conn struct {
	net.Conn
	front *front
	r     *bufio.Reader
	left  int // bytes of the checked frame that the broker has not read yet

	authenticated atomic.Bool
	once          sync.Once

	mu     sync.Mutex
	asked  *header // what was not answered yet, before authentication
	steps  int     // answers that led towards authentication
	failed bool    // the client is the reason for the end
}

func newConn(c net.Conn, f *front) (*conn, error) {
	return &conn{Conn: c, front: f, r: bufio.NewReaderSize(c, 4+maxWindow)}, c.SetReadDeadline(time.Now().Add(f.limits.stranger))
}

// Read gives the broker the length of a frame only when the frame's header,
// or all of it, was found in order.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.next(); err != nil {
			c.mu.Lock()
			c.failed = true
			c.mu.Unlock()
			return 0, err
		}
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err != nil {
		err = c.late(err, refusedSlow)
	}
	return n, err
}

// next waits for a frame and checks it.
func (c *conn) next() error {
	if c.authenticated.Load() {
		if err := c.SetReadDeadline(time.Now().Add(c.front.limits.idle)); err != nil {
			return err
		}
	}
	length, err := c.r.Peek(4)
	if err != nil {
		return c.late(err, refusedIdle)
	}
	authenticated, most := c.authenticated.Load(), maxFrame // it may have become so while we waited
	if !authenticated {
		most = maxWindow
	} else if err := c.SetReadDeadline(time.Now().Add(c.front.limits.frame)); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(length))
	if size < minFrame || size > int64(most) {
		return c.front.refuse(refusedFrame, c, fmt.Errorf("a request of %d bytes: it must have %d to %d", size, minFrame, most))
	}
	frame, err := c.r.Peek(int(min(4+size, 4+maxWindow)))
	if err != nil {
		return c.late(err, refusedSlow)
	}
	h, body, err := c.front.requests.header(frame[4:])
	if err == nil && !authenticated {
		err = h.stranger(body)
	}
	if err == nil && !authenticated {
		err = c.ask(h)
	}
	switch {
	case errors.Is(err, errEarly):
		return c.front.refuse(refusedEarly, c, err)
	case err != nil:
		return c.front.refuse(refusedFrame, c, err)
	}
	c.left = int(4 + size)
	return nil
}

// late counts the clients that let us wait, and says so of those that do not
// come back by themselves when they have something to ask.
func (c *conn) late(err error, why refusal) error {
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
	case !c.authenticated.Load():
		return c.front.refuse(refusedSlow, c, fmt.Errorf("authentication took longer than %s", c.front.limits.stranger))
	case why == refusedSlow:
		return c.front.refuse(refusedSlow, c, fmt.Errorf("a request took longer than %s to arrive", c.front.limits.frame))
	default:
		c.front.metrics.refused.WithLabelValues(string(why)).Inc()
	}
	return err
}

// ask takes note of a request before authentication. The next waits for its
// answer, so that an answer can be told by its request.
func (c *conn) ask(h header) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked != nil {
		return errors.New("before authentication, a request must wait for the answer to the one before")
	}
	c.asked = &h
	return nil
}

// Write sends an answer of the broker, of which each is one write.
func (c *conn) Write(p []byte) (int, error) {
	if !c.authenticated.Load() {
		c.answer(p)
	}
	if err := c.SetWriteDeadline(time.Now().Add(c.front.limits.frame)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, c.front.refuse(refusedSlow, c, fmt.Errorf("an answer was not taken within %s", c.front.limits.frame))
	}
	return n, err
}

// answer sees what a stranger is told: once the broker has agreed to both
// steps of SCRAM, it is none any more.
func (c *conn) answer(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.asked
	c.asked = nil
	if h == nil || kmsg.Key(h.key) != kmsg.SASLAuthenticate {
		return
	}
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.Version = h.version
	if err := resp.ReadFrom(p[min(len(p), h.answerSize()):]); err != nil || resp.ErrorCode != 0 {
		return
	}
	if c.steps++; c.steps == scramSteps {
		c.front.admit()
		c.authenticated.Store(true)
		_ = c.SetReadDeadline(time.Now().Add(c.front.limits.idle)) // a connection that is closed already is read no more
	}
}

// answerSize is the size of the header of the answer to h: its length, the
// correlation ID, and no tags.
func (h header) answerSize() int {
	if h.flexible {
		return 9
	}
	return 8
}

// Close ends the connection. The broker closes it without a word on who fails
// to authenticate: the front says why.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		c.mu.Lock()
		h, failed := c.asked, c.failed
		c.mu.Unlock()
		if h != nil && !failed && kmsg.Key(h.key) == kmsg.SASLAuthenticate && !c.front.ended() {
			c.deny(*h)
		}
		c.front.leave(!c.authenticated.Load())
		err = c.Conn.Close()
	})
	return err
}

// deny answers for the broker that the secret is wrong.
func (c *conn) deny(h header) {
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.Version, resp.ErrorCode, resp.ErrorMessage = h.version, kerr.SaslAuthenticationFailed.Code, &c.front.login
	p := make([]byte, h.answerSize())
	binary.BigEndian.PutUint32(p[4:], uint32(h.correlation))
	p = resp.AppendTo(p)
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Conn.Write(p) // it is closed next, whatever becomes of this
	_ = c.front.refuse(refusedSecret, c, errors.New("the user, the secret or the mechanism is wrong"))
}

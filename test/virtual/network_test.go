//go:build synctests

package virtual

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

var errDead = errors.New("the host is dead")

// host is one member's place in the network.
type host struct {
	network *kfake.VirtualNetwork

	mu    sync.Mutex
	conns map[*conn]bool
	died  chan struct{}
	// open is closed while the host is reached.
	open chan struct{}
}

func newHost(n *kfake.VirtualNetwork) *host {
	h := &host{network: n, conns: map[*conn]bool{}, died: make(chan struct{}), open: make(chan struct{})}
	close(h.open)
	return h
}

func (h *host) dead() bool {
	select {
	case <-h.died:
		return true
	default:
		return false
	}
}

// kill ends all connections, and lets none be made.
func (h *host) kill() {
	h.mu.Lock()
	close(h.died)
	conns := h.conns
	h.conns = nil
	h.mu.Unlock()
	for c := range conns {
		_ = c.Close()
	}
}

// cut holds back all that comes and goes, until mend.
func (h *host) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = make(chan struct{})
}

func (h *host) mend() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.open)
}

func (h *host) gate() chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

func (h *host) dial(ctx context.Context, network, address string) (net.Conn, error) {
	select {
	case <-h.gate():
	case <-h.died:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if h.dead() {
		return nil, errDead
	}
	inner, err := h.network.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, host: h, closed: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil {
		return nil, errors.Join(errDead, inner.Close())
	}
	h.conns[c] = true
	return c, nil
}

// conn is a connection of a host.
type conn struct {
	net.Conn

	host   *host
	once   sync.Once
	closed chan struct{}
}

// pass waits while the host is cut off.
func (c *conn) pass() error {
	select {
	case <-c.host.gate():
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil {
		err = c.pass()
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (c *conn) Write(b []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	c.host.mu.Lock()
	delete(c.host.conns, c)
	c.host.mu.Unlock()
	return c.Conn.Close()
}

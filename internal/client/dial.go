package client

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// dialer connects within the wait.
func dialer(wait time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&net.Dialer{Timeout: wait, KeepAlive: 15 * time.Second}).DialContext
}

// loopback reports whether a host is this one.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

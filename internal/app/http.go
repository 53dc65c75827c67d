package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/belfry-cron/belfry/internal/api"
	"github.com/belfry-cron/belfry/internal/gate"
)

const (
	// maxConnections bounds the people and programs that are connected at once.
	maxConnections = 4096
	// maxHeader bounds the header of a request, in bytes.
	maxHeader = 64 << 10
)

// HTTPOptions say where and how a server answers.
type HTTPOptions struct {
	// Addr is the address; with AnyPort another port will do if that one is
	// taken.
	Addr    string
	AnyPort bool
	// CertFile and KeyOfCert (PEM) encrypt.
	CertFile, KeyOfCert string
	// Proxies are the addresses of those who encrypt instead, and pass requests
	// on.
	Proxies []netip.Prefix
	// PublicURL is how people reach the server, as https://belfry.example.org;
	// Hosts are more names of it.
	PublicURL string
	Hosts     []string
	// Plain lets other hosts connect although nobody encrypts.
	Plain bool
}

// Check says what contradicts itself, or would show passwords to everybody on
// the way.
func (o *HTTPOptions) Check() error {
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return fmt.Errorf("--http: %w; it is HOST:PORT, such as 127.0.0.1:8080", err)
	}
	if (o.CertFile == "") != (o.KeyOfCert == "") {
		return errors.New("--http-cert and --http-key belong together")
	}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
			return fmt.Errorf("--public-url is as https://belfry.example.org, not %q", o.PublicURL)
		}
	}
	addr, err := netip.ParseAddr(host)
	local := host == "localhost" || err == nil && addr.IsLoopback()
	if !local && o.CertFile == "" && len(o.Proxies) == 0 && !o.Plain {
		return fmt.Errorf("--http %s: other hosts could connect, and all could be read on the way: give --http-cert and --http-key, "+
			"or --proxy with the address of the proxy that encrypts; --http-plain does without", o.Addr)
	}
	return nil
}

// encrypted reports whether people come over TLS.
func (o *HTTPOptions) encrypted() bool {
	return o.CertFile != "" || len(o.Proxies) > 0 && strings.HasPrefix(o.PublicURL, "https:")
}

// names are those that requests may be for.
func (o *HTTPOptions) names() []string {
	names := append([]string{}, o.Hosts...)
	if u, err := url.Parse(o.PublicURL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	if host, _, err := net.SplitHostPort(o.Addr); err == nil && host != "" {
		names = append(names, host)
	}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	return names
}

// handler answers all that a server is asked. How it fares, everybody may know.
func handler(door *gate.Gate, health http.Handler, programs, pages http.Handler) http.Handler {
	inside := http.NewServeMux()
	inside.Handle(api.Prefix+"/", programs)
	inside.Handle("/", pages)
	all := http.NewServeMux()
	all.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, "ok\n") })
	all.Handle("GET /readyz", health)
	all.Handle("/", door.Wrap(inside))
	return all
}

// listen takes the address, for requests to wait until they are answered, and
// returns it as a URL.
func (o *HTTPOptions) listen(ctx context.Context) (net.Listener, string, error) {
	scheme := "http"
	if o.CertFile != "" {
		scheme = "https"
		if _, err := tls.LoadX509KeyPair(o.CertFile, o.KeyOfCert); err != nil {
			return nil, "", fmt.Errorf("reading --http-cert and --http-key: %w", err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Addr)
	if o.AnyPort && errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(o.Addr) // it was listened on
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, "", fmt.Errorf("serving pages and the API: %w; choose another --http", err)
	}
	if o.PublicURL != "" {
		return listener, strings.TrimSuffix(o.PublicURL, "/"), nil
	}
	return listener, scheme + "://" + listener.Addr().String(), nil
}

// answer serves until the role is stopped.
func (n *opened) answer(ctx context.Context, o HTTPOptions, listener net.Listener, h http.Handler) {
	listener = bounded(listener, maxConnections)
	live, end := context.WithCancel(context.WithoutCancel(ctx))
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return live },
	}
	// Streams never come to an end by themselves.
	server.RegisterOnShutdown(end)
	n.roles.start(ctx, "pages and API", func(ctx context.Context) error {
		shut := make(chan struct{})
		context.AfterFunc(ctx, func() { shutDown(server); close(shut) })
		serve := func() error { return server.Serve(listener) }
		if o.CertFile != "" {
			serve = func() error { return server.ServeTLS(listener, o.CertFile, o.KeyOfCert) }
		}
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		<-shut
		return nil
	})
}

// shutLimit is how long requests that are under way may go on.
const shutLimit = 5 * time.Second

func shutDown(server *http.Server) {
	limit, cancel := context.WithTimeout(context.Background(), shutLimit)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close() // whoever is still connected is cut off
	}
}

// bounded accepts only so many connections at a time.
func bounded(l net.Listener, most int) net.Listener {
	return &boundedListener{Listener: l, free: make(chan struct{}, most)}
}

type boundedListener struct {
	net.Listener
	free chan struct{}
}

// Accept waits for a connection, and for room.
func (l *boundedListener) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &boundedConn{Conn: c, left: l.free}, nil
}

type boundedConn struct {
	net.Conn
	once sync.Once
	left chan struct{}
}

// Close leaves its room to another.
func (c *boundedConn) Close() error {
	c.once.Do(func() { <-c.left })
	return c.Conn.Close()
}

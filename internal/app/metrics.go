package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health counts the roles that are not ready yet.
type health struct{ waiting atomic.Int32 }

// expect returns what a role calls once it is ready.
func (h *health) expect() func() {
	h.waiting.Add(1)
	var once atomic.Bool
	return func() {
		if once.CompareAndSwap(false, true) {
			h.waiting.Add(-1)
		}
	}
}

// serve answers on the metrics address, if there is one: /healthz as long as
// the process lives, /readyz once every role works.
func (n *opened) serve(ctx context.Context) error {
	if n.MetricsAddr == "" {
		return nil
	}
	started := n.health.expect() // not ready before the roles are known
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", n.MetricsAddr)
	if err != nil {
		return fmt.Errorf("serving metrics: %w; choose another --metrics-addr", err)
	}
	n.started = started
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if n.health.waiting.Load() > 0 {
			reply(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
		reply(w, http.StatusOK, "ready\n")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			n.Log.Error("serving metrics ended", "error", err)
		}
	}()
	n.stack.push("metrics", server.Shutdown)
	n.Log.Info("serving metrics", "addr", listener.Addr().String())
	return nil
}

func reply(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that left wants no answer
}

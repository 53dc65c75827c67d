package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serve answers on the metrics address, if there is one: /healthz as long as
// the process lives, whatever Kafka does, and /readyz while every part works.
func (n *opened) serve(ctx context.Context) error {
	if n.MetricsAddr == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", n.MetricsAddr)
	if err != nil {
		return fmt.Errorf("serving metrics: %w; choose another --metrics-addr", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, "ok\n") })
	mux.Handle("GET /readyz", n.health)
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

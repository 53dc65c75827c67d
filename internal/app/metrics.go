package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	mux.Handle("GET /metrics", scraped(n.Registry))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, "ok\n") })
	mux.Handle("GET /readyz", n.health)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	go func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			n.Log.Error("serving metrics ended", "error", err)
		}
	}()
	n.stack.push("metrics", server.Shutdown)
	n.Log.Info("serving metrics", "addr", listener.Addr().String())
	return nil
}

// maxScrapes bounds how many scrapes are answered at a time; more are refused
// with 503, so that a hundred slow readers cost no more than these.
const maxScrapes = 10

// scraped answers scrapes. OpenMetrics is what carries exemplars. A collector
// that fails takes its own metrics from the answer and no others.
func scraped(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		EnableOpenMetrics: true, ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes, Timeout: 10 * time.Second,
	})
}

func reply(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that left wants no answer
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const usage = `Pingpong answers the events of dev.pingpong.requested.

  pingpong -k kafka-1:9092,kafka-2:9092 [-name NAME] [-http ADDRESS] [-wait 60s]
  pingpong -health ADDRESS     ask a running one; exit code 0 if it lives

Exit codes: 0 done, 1 Kafka did not answer or the address is taken, 2 wrong usage.

`

// flags is the command line.
type flags struct {
	brokers, name, http, health string
	wait                        time.Duration
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	f, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case f.health != "":
		err = asked(ctx, f.health)
	default:
		err = serve(ctx, f, slog.New(slog.NewJSONHandler(stdout, nil)))
	}
	if err != nil && ctx.Err() == nil {
		_, _ = fmt.Fprintln(stderr, "pingpong:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (flags, error) {
	host, _ := os.Hostname() // without one the name must be given
	var f flags
	set := flag.NewFlagSet("pingpong", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() { _, _ = io.WriteString(stderr, usage); set.PrintDefaults() }
	set.StringVar(&f.brokers, "k", "localhost:9092", "`brokers` of Kafka, HOST:PORT,…")
	set.StringVar(&f.name, "name", host, "`name` of this instance: unique among the living, the same after a restart")
	set.StringVar(&f.http, "http", "", "serve /metrics and /healthz at this `address`")
	set.StringVar(&f.health, "health", "", "ask the instance at this `address` whether it lives")
	set.DurationVar(&f.wait, "wait", time.Minute, "how long to wait for Kafka")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	var wrong string
	switch {
	case set.NArg() > 0:
		wrong = fmt.Sprintf("unexpected %q: every setting is a flag", set.Arg(0))
	case f.name == "":
		wrong = "-name: the host has no name, so give one"
	case f.wait <= 0:
		wrong = "-wait: must be longer than 0"
	default:
		return f, nil
	}
	_, _ = fmt.Fprintln(stderr, "pingpong:", wrong)
	return f, errors.New(wrong)
}

// serve runs an instance until ctx ends.
func serve(ctx context.Context, f flags, log *slog.Logger) error {
	registry := prometheus.NewRegistry()
	m, err := newMetrics(registry)
	if err != nil {
		return err
	}
	for _, c := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := registry.Register(c); err != nil {
			return err
		}
	}
	if f.http != "" {
		listener, err := net.Listen("tcp", f.http)
		if err != nil {
			return fmt.Errorf("-http: %w", err)
		}
		server := &http.Server{Handler: pages(registry), ReadHeaderTimeout: 5 * time.Second}
		go func() { _ = server.Serve(listener) }() // ends with Close
		defer func() { _ = server.Close() }()
		log.Info("serving metrics", "address", listener.Addr().String())
	}
	s, err := newService(ctx, options{
		brokers: strings.Split(f.brokers, ","), name: f.name, wait: f.wait, log: log, metrics: m,
	})
	if err != nil {
		return err
	}
	log.Info("answering", "topic", topicRequested, "name", f.name)
	return s.run(ctx)
}

func pages(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	return mux
}

// asked asks an instance whether it lives.
func asked(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("-health: %w", err)
	}
	response, err := new(http.Client).Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", address, response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

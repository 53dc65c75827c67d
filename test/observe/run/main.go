// Command run starts Prometheus, Alertmanager and a stand-in for PagerDuty beside
// a Belfry and `make cluster`:
//
//	go run ./test/observe/run [--up HOST:PORT] [--schedulers …] [--workers …]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/belfry-cron/belfry/test/observe"
	"github.com/belfry-cron/belfry/test/pagerduty"
)

// exporters is where `make cluster` leaves what brokers show their figures on.
const exporters = "test/kafka/target/cluster/cluster.json"

func main() {
	up := flag.String("up", "127.0.0.1:9390", "where belfry up shows its metrics; several with commas, or empty")
	schedulers := flag.String("schedulers", "127.0.0.1:9391", "where schedulers do")
	workers := flag.String("workers", "127.0.0.1:9392", "where workers do")
	nodes := flag.String("nodes", "127.0.0.1:9100", "where node_exporter does")
	flag.Parse()
	targets := map[string][]string{}
	for job, list := range map[string]string{
		"belfry-up": *up, "belfry-scheduler": *schedulers, "belfry-worker": *workers, "node": *nodes,
	} {
		if list != "" {
			targets[job] = strings.Split(list, ",")
		}
	}
	if err := run(targets); err != nil {
		fmt.Fprintln(os.Stderr, "observe:", err)
		os.Exit(1)
	}
}

func run(targets map[string][]string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := addKafka(targets); err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:9199")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &pagerduty.Server{Keys: []string{observe.Key, observe.KeyB}}, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	dir, err := os.MkdirTemp("", "belfry-observe-")
	if err != nil {
		return err
	}
	s, err := observe.Start(ctx, observe.Options{
		Root: ".", Dir: dir, Prometheus: "127.0.0.1:9090", Alertmanager: "127.0.0.1:9093",
		PagerDuty: l.Addr().String(), Targets: targets,
	})
	if err != nil {
		return err
	}
	defer s.Stop()
	fmt.Printf("Prometheus    http://127.0.0.1:9090/alerts\nAlertmanager  http://127.0.0.1:9093\nPagerDuty     http://%s/incidents (a stand-in)\n", l.Addr())
	fmt.Printf("logs and data in %s; Ctrl-C ends all\n", dir)
	for job, addrs := range targets {
		fmt.Printf("watches %-17s %s\n", job, strings.Join(addrs, " "))
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// addKafka adds the brokers of `make cluster`, if it runs.
func addKafka(targets map[string][]string) error {
	text, err := os.ReadFile(filepath.FromSlash(exporters))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var cluster struct {
		Exporters []string `json:"exporters"`
		Keepers   []string `json:"keepers"`
	}
	if err := json.Unmarshal(text, &cluster); err != nil {
		return fmt.Errorf("reading %s: %w", exporters, err)
	}
	if len(cluster.Exporters) > 0 {
		targets["kafka"] = cluster.Exporters
	}
	if len(cluster.Keepers) > 0 {
		targets["zookeeper"] = cluster.Keepers
	}
	return nil
}

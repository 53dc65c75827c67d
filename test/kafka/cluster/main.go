// Command cluster starts and stops a three-broker Kafka cluster in the
// background, for trying Belfry by hand:
//
//	go run ./test/kafka/cluster up [--version 4.3.1|3.9.2] [--watched] [--dir FOLDER]
//	go run ./test/kafka/cluster status|down [--dir FOLDER]
//	go run ./test/kafka/cluster jars [--version VERSION]
//
// The last prints the folder with the version's jars, once Maven has fetched them.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

// stopLimit is how long brokers get to shut down cleanly.
const stopLimit = 20 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	usage := errors.New("usage: cluster up|down|status|jars [--version 4.3.1|3.9.2] [--dir test/kafka/target/cluster]")
	if len(args) == 0 {
		return usage
	}
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	version := flags.String("version", kafkatest.Latest, "Kafka version")
	watched := flags.Bool("watched", false, "show figures to Prometheus")
	dir := flags.String("dir", "test/kafka/target/cluster", "folder for data, logs and the list of processes")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return up(*dir, *version, *watched)
	case "down":
		return down(*dir)
	case "status":
		return status(*dir)
	case "jars":
		libs, err := kafkatest.Jars(context.Background(), *version)
		if err == nil {
			fmt.Println(libs)
		}
		return err
	}
	return usage
}

// record is what up leaves for down and status.
type record struct {
	Version string         `json:"version"`
	Brokers []string       `json:"brokers"`
	Pids    map[string]int `json:"pids"`

	// Exporters and Keepers are where brokers and ZooKeepers show their figures.
	Exporters []string `json:"exporters,omitempty"`
	Keepers   []string `json:"keepers,omitempty"`
}

func path(dir string) string { return filepath.Join(dir, "cluster.json") }

func load(dir string) (record, error) {
	content, err := os.ReadFile(path(dir))
	if errors.Is(err, os.ErrNotExist) {
		return record{}, fmt.Errorf("no cluster was started in %s", dir)
	}
	if err != nil {
		return record{}, err
	}
	var r record
	if err := json.Unmarshal(content, &r); err != nil {
		return record{}, fmt.Errorf("reading %s: %w", path(dir), err)
	}
	if len(r.Pids) == 0 {
		return record{}, fmt.Errorf("no cluster runs in %s", dir)
	}
	return r, nil
}

func up(dir, version string, watched bool) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if r, err := load(dir); err == nil {
		if len(alive(dir, r)) > 0 {
			return fmt.Errorf("a cluster is running in %s already; end it with: go run ./test/kafka/cluster down", dir)
		}
	}
	// The ports of an earlier cluster are in its data: start afresh, but
	// never empty a folder that is not ours.
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(path(dir)); err != nil {
			return fmt.Errorf("%s is not empty and holds no cluster", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("starting three brokers of Kafka %s in %s ...\n", version, dir)
	begin := time.Now()
	c, err := kafkatest.Start(ctx, kafkatest.Options{Version: version, Dir: dir, Watched: watched, Detach: true})
	if err != nil {
		return err
	}
	r := record{Version: version, Brokers: c.Brokers(), Pids: c.Pids()}
	r.Exporters, r.Keepers = c.Exporters()
	content, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path(dir), append(content, '\n'), 0o644)
	}
	if err != nil {
		c.Stop()
		return err
	}
	fmt.Printf("listening after %.1f s\n", time.Since(begin).Seconds())
	show(r)
	return nil
}

func show(r record) {
	fmt.Println("brokers:", strings.Join(r.Brokers, " "))
	fmt.Println("export BELFRY_BROKERS=" + strings.Join(r.Brokers, ","))
}

func status(dir string) error {
	r, err := load(dir)
	if err != nil {
		return err
	}
	running := alive(dir, r)
	for _, name := range slices.Sorted(maps.Keys(r.Pids)) {
		state := "ended"
		if _, ok := running[name]; ok {
			state = "running"
		}
		fmt.Printf("%-12s pid %-8d %s\n", name, r.Pids[name], state)
	}
	show(r)
	return nil
}

func down(dir string) error {
	r, err := load(dir)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(stopLimit)
	sent := map[string]bool{}
	for {
		running := alive(dir, r)
		if len(running) == 0 {
			fmt.Println("stopped; data and logs stay in", dir)
			// An empty record says that the folder is a cluster's.
			return os.WriteFile(path(dir), []byte("{}\n"), 0o644)
		}
		brokers := false
		for name := range running {
			brokers = brokers || strings.HasPrefix(name, "broker")
		}
		for name, pid := range running {
			if brokers && !strings.HasPrefix(name, "broker") {
				continue // brokers say goodbye to ZooKeeper
			}
			switch {
			case time.Now().After(deadline):
				err = syscall.Kill(-pid, syscall.SIGKILL)
			case !sent[name]:
				err = syscall.Kill(-pid, syscall.SIGTERM)
				sent[name] = true
			}
			if err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("ending %s (pid %d): %w", name, pid, err)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// alive returns the recorded processes that still are what they were: Java
// with a configuration file in dir.
func alive(dir string, r record) map[string]int {
	running := map[string]int{}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return running
	}
	for name, pid := range r.Pids {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(line, []byte(filepath.Join(abs, name)+"/")) {
			running[name] = pid
		}
	}
	return running
}

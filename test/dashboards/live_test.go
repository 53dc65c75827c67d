package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
	"github.com/belfry-cron/belfry/test/observe"
	"github.com/belfry-cron/belfry/test/site"
)

const jobFile = `jobs:
  - {name: tick, cluster: cluster-a, schedule: "@every 1s", command: ["true"]}
  - {name: fails, cluster: cluster-a, schedule: "@every 5s", command: ["false"], retries: 1}
`

// until is how long panels may stay empty.
const until = 4 * time.Minute

// TestPanelsHaveData runs each panel's query against a Prometheus that scrapes real
// Belfry, real Kafka and this host.
func TestPanelsHaveData(t *testing.T) {
	version := os.Getenv("BELFRY_TEST_DASHBOARDS")
	if version == "" {
		t.Skip("SKIPPED: BELFRY_TEST_DASHBOARDS=4.3.1 (or 3.9.2) starts Kafka, Belfry and Prometheus")
	}
	k := kafkatest.Run(t, kafkatest.Options{Version: version, Brokers: 1, Watched: true})
	dir := t.TempDir()
	bin, err := site.Binary(t.Context(), dir)
	require.NoError(t, err)
	s := &site.Site{Bin: bin, Dir: dir, Env: append(os.Environ(), "BELFRY_BROKERS="+strings.Join(k.Brokers(), ","), "TMPDIR="+dir)}
	t.Cleanup(s.Stop)
	file := filepath.Join(dir, "jobs.yaml")
	require.NoError(t, os.WriteFile(file, []byte(jobFile), 0o600))
	addrs, err := observe.Free(5)
	require.NoError(t, err)
	_, err = s.Start("s-1", "scheduler", "--jobs", file, "--metrics-addr", addrs[0])
	require.NoError(t, err)
	_, err = s.Start("w-1", "worker", "--cluster", "cluster-a", "--metrics-addr", addrs[1])
	require.NoError(t, err)
	brokers, keepers := k.Exporters()
	targets := map[string][]string{"belfry-scheduler": {addrs[0]}, "belfry-worker": {addrs[1]}, "kafka": brokers}
	if len(keepers) > 0 {
		targets["zookeeper"] = keepers
	}
	node := startNode(t, addrs[4])
	if node {
		targets["node"] = []string{addrs[4]}
	}
	stack, err := observe.Start(t.Context(), observe.Options{
		Root: root, Dir: dir, Prometheus: addrs[2], Alertmanager: addrs[3], PagerDuty: "127.0.0.1:9", Targets: targets,
	})
	if errors.Is(err, observe.ErrNotInstalled) {
		t.Skip("SKIPPED: ", err)
	}
	require.NoError(t, err)
	t.Cleanup(stack.Stop)

	var panels int
	var empty []string
	for deadline := time.Now().Add(until); ; {
		panels, empty = 0, nil
		for _, b := range boards() {
			for _, p := range b.panels {
				if p.zookeeper && len(keepers) == 0 || p.kraft && len(keepers) > 0 || !node && strings.Contains(p.query, "node_") {
					continue
				}
				panels++
				found, err := stack.Query(t.Context(), p.query)
				require.NoError(t, err, "%s: %s", b.title, p.title)
				if len(found) == 0 || found[0].Value == "NaN" {
					empty = append(empty, fmt.Sprintf("%s: %s: %s", b.title, p.title, p.query))
				}
			}
		}
		if len(empty) == 0 {
			break
		}
		require.True(t, time.Now().Before(deadline), "no data after %s in:\n%s", until, strings.Join(empty, "\n"))
		select {
		case <-t.Context().Done():
		case <-time.After(2 * time.Second):
		}
	}
	t.Logf("figure: all %d panels have data", panels)
}

// startNode starts node_exporter, if it is installed.
func startNode(t *testing.T, addr string) bool {
	t.Helper()
	path, err := exec.LookPath("prometheus-node-exporter")
	if err != nil {
		t.Log("SKIPPED: the panels of hosts, since prometheus-node-exporter is not installed")
		return false
	}
	cmd := exec.Command(path, "--web.listen-address="+addr, "--log.level=error")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return true
}

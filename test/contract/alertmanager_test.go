package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const alertmanager = "deploy/alertmanager/alertmanager.yml"

// TestRoutes: who is called for what, as amtool reads the configuration.
func TestRoutes(t *testing.T) {
	amtool := need(t, "amtool", "prometheus-alertmanager")
	file := filepath.Join(root, alertmanager)
	run(t, amtool, "check-config", file)
	for labels, receiver := range map[string]string{
		"alertname=A notify=page severity=sev1":                   "pages",
		"alertname=A notify=page severity=sev1 cluster=cluster-a": "pages",
		"alertname=A notify=page severity=sev2 cluster=cluster-b": "pages-cluster-b",
		"alertname=A notify=ticket severity=sev3":                 "tickets",
		"alertname=A severity=sev3":                               "tickets", // whoever forgets it wakes nobody
		"alertname=A notify=none":                                 "nobody",
		"alertname=Watchdog notify=none":                          "watchdog",
	} {
		args := append([]string{"config", "routes", "test", "--config.file=" + file}, strings.Fields(labels)...)
		out, err := exec.CommandContext(t.Context(), amtool, args...).Output()
		require.NoError(t, err, labels)
		require.Equal(t, receiver, strings.TrimSpace(string(out)), labels)
	}
}

// TestInhibitionsNameAlerts: a rule that is renamed takes its inhibitions along.
func TestInhibitionsNameAlerts(t *testing.T) {
	all, err := rules(root)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, r := range all {
		known[r.Alert] = true
	}
	text, err := os.ReadFile(filepath.Join(root, alertmanager))
	require.NoError(t, err)
	found := 0
	for i, line := range strings.Split(string(text), "\n") {
		_, names, ok := strings.Cut(line, "alertname")
		if !ok || !strings.Contains(line, "matchers") {
			continue
		}
		names = strings.Trim(names, `=~"]'`)
		for name := range strings.SplitSeq(names, "|") {
			found++
			require.True(t, known[name], "%s:%d: there is no alert %q", alertmanager, i+1, name)
		}
	}
	require.Greater(t, found, 20)
}

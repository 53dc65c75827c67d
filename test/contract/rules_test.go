package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sections are those that every runbook has.
func sections() []string {
	return []string{"## Meaning\n", "## Impact\n", "## To see more\n", "## To mend it\n", "## To check\n"}
}

// TestAlertsAreWhole: each alert says how bad it is, whom it wakes, what it means
// in a line, how soon it is seen and what to do, and is tested.
func TestAlertsAreWhole(t *testing.T) {
	all, err := rules(root)
	require.NoError(t, err)
	runbooks := map[string]bool{}
	for _, r := range all {
		if r.Alert == "" {
			continue
		}
		at := place(t, r)
		require.False(t, runbooks[r.Alert], "%s: there is another %s", at, r.Alert)
		runbooks[r.Alert] = true
		require.Contains(t, []string{"sev1", "sev2", "sev3"}, r.Labels["severity"], "%s: severity", at)
		require.Contains(t, []string{"page", "ticket", "none"}, r.Labels["notify"], "%s: notify", at)
		require.NotEmpty(t, r.Labels["component"], "%s: component", at)
		require.NotEmpty(t, r.Annotations["summary"], "%s: summary", at)
		require.NotEmpty(t, r.Annotations["caused_by"], "%s: caused_by", at)
		within, err := time.ParseDuration(r.Annotations["detect_within"])
		require.NoError(t, err, "%s: detect_within", at)
		wait, err := time.ParseDuration(r.For)
		require.NoError(t, err, "%s: for", at)
		require.Greater(t, within, wait, "%s: detect_within is no longer than for", at)
		require.Contains(t, r.Annotations["dashboard_url"], "{{ $externalLabels.grafana }}/d/belfry-", "%s: dashboard_url", at)

		file := "docs/runbooks/" + r.Alert + ".md"
		require.Equal(t, "https://github.com/belfry-cron/belfry/blob/main/"+file, r.Annotations["runbook_url"], "%s: runbook_url", at)
		text, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err, "%s: runbook", at)
		for _, section := range sections() {
			require.Contains(t, string(text), section, file)
		}
		tests, err := os.ReadFile(filepath.Join(root, "deploy/prometheus/tests", filepath.Base(r.file)))
		require.NoError(t, err)
		for _, kind := range []string{" fires within " + r.Annotations["detect_within"], " without series"} {
			require.Contains(t, string(tests), "- name: "+r.Alert+kind+"\n", "%s: no test", at)
		}
		if r.Alert != "Watchdog" {
			require.Contains(t, string(tests), "- name: "+r.Alert+" at a cold start\n", "%s: no test", at)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "docs/runbooks/*.md"))
	require.NoError(t, err)
	require.Len(t, files, len(runbooks), "a runbook of no alert")
}

// place is the file and line of a rule.
func place(t *testing.T, r rule) string {
	t.Helper()
	text, err := os.ReadFile(r.file)
	require.NoError(t, err)
	before, _, _ := bytes.Cut(text, []byte("- alert: "+r.Alert+"\n"))
	return fmt.Sprintf("%s:%d: %s", r.file, bytes.Count(before, []byte("\n"))+1, r.Alert)
}

// TestRules: what promtool says of the rules and of their tests.
func TestRules(t *testing.T) {
	t.Parallel()
	promtool := need(t, "promtool", "prometheus")
	files := glob(t, "deploy/prometheus/rules/*.yml")
	run(t, promtool, append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, files...)...)
	for _, file := range glob(t, "deploy/prometheus/tests/*.yml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			run(t, promtool, "test", "rules", file)
		})
	}
}

// TestMetricsAreClean: what promtool says of what a process shows.
func TestMetricsAreClean(t *testing.T) {
	promtool := need(t, "promtool", "prometheus")
	metrics := up(t)
	await(t, metrics, nil, nothingMissing(t))
	text := body(t, metrics)
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}

// need returns a program, or skips the test and says so.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed (Debian: apt-get install %s)", program, debian)
	}
	return path
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", filepath.Base(program), strings.Join(args, " "), out)
}

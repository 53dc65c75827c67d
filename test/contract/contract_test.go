package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/metric"
)

const root = "../.."

// TestPagesAreWritten: the pages are what the code says now.
func TestPagesAreWritten(t *testing.T) {
	for name, page := range pages() {
		want, err := page(root)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, want, string(got), "%s is out of date: go run ./test/contract", name)
	}
}

// TestEachRoleShowsTheGoldenSignals: traffic, latency, errors and saturation.
func TestEachRoleShowsTheGoldenSignals(t *testing.T) {
	parts, err := app.Metrics()
	require.NoError(t, err)
	signals := map[string][]metric.Signal{}
	for _, p := range parts {
		if p.Name == "process" || p.Name == "Kafka clients" {
			continue // no role
		}
		for _, d := range p.Descs {
			signals[p.Name] = append(signals[p.Name], d.Signal)
		}
	}
	for _, role := range []string{"scheduler", "worker"} {
		for _, want := range metric.Signals() {
			require.True(t, slices.Contains(signals[role], want), "no metric of %s tells of %s", role, want)
		}
	}
}

// TestRulesAndPanelsUseWhatExists: a metric that is renamed takes its alerts
// and panels with it, or this fails.
func TestRulesAndPanelsUseWhatExists(t *testing.T) {
	known, err := described()
	require.NoError(t, err)
	all, err := rules(root)
	require.NoError(t, err)
	for _, r := range all {
		if r.Record != "" {
			known[r.Record] = metric.Desc{}
		}
	}
	check := func(expr, where string) {
		for _, name := range named(expr) {
			require.Contains(t, known, bare(name, known), "%s uses what is nowhere made: %s", where, expr)
		}
	}
	for _, r := range all {
		check(r.Expr, r.file+": "+r.Alert+r.Record)
	}
	boards, err := dashboards(root)
	require.NoError(t, err)
	for _, d := range boards {
		for title, exprs := range d.panels {
			for _, expr := range exprs {
				check(expr, d.dashboard+": "+title)
			}
		}
	}
}

// Command contract writes docs/metrics.md and docs/alerts.md: what Belfry shows
// is described where it is made (internal/metric), what is alerted of it stands
// in deploy/prometheus/rules, what is drawn in deploy/grafana/dashboards.
//
// Its tests hold the three against each other and against running processes:
// nothing is shown that the page leaves out, nothing is on the page that is not
// shown, and no rule or panel uses what does not exist.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
}

// write writes the pages of the tree at root.
func write(root string) error {
	for name, page := range pages() {
		text, err := page(root)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pages are those that are written, and what writes each.
func pages() map[string]func(root string) (string, error) {
	return map[string]func(string) (string, error){
		"docs/metrics.md": metricsPage,
	}
}

// Command dashboards writes deploy/grafana/dashboards: each is a table of panels
// here, made into Grafana's JSON by its own Go SDK.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json/jsontext"
)

const folder = "deploy/grafana/dashboards"

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	for _, b := range boards() {
		text, err := b.json()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, folder, b.uid+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// indented is JSON as it is committed.
func indented(text []byte) ([]byte, error) {
	v := jsontext.Value(text)
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return nil, err
	}
	return append(v, '\n'), nil
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/goccy/go-yaml"
)

// rule is an alert or a recorded series.
type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`

	file string
}

// rules reads those of the tree, file by file.
func rules(root string) ([]rule, error) {
	files, err := filepath.Glob(filepath.Join(root, "deploy/prometheus/rules/*.yml"))
	if err != nil {
		return nil, err
	}
	var all []rule
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var file struct {
			Groups []struct {
				Name     string `yaml:"name"`
				Interval string `yaml:"interval"`
				Rules    []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				r.file = name
				all = append(all, r)
			}
		}
	}
	return all, nil
}

// queries are a dashboard's, by panel.
type queries struct {
	dashboard string
	panels    map[string][]string
}

// dashboards reads the queries of those of the tree.
func dashboards(root string) ([]queries, error) {
	files, err := filepath.Glob(filepath.Join(root, "deploy/grafana/dashboards/*.json"))
	if err != nil {
		return nil, err
	}
	type panel struct {
		Title   string `json:"title"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	}
	var all []queries
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var d struct {
			Title  string  `json:"title"`
			Panels []panel `json:"panels"`
		}
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		q := queries{dashboard: d.Title, panels: map[string][]string{}}
		for _, p := range d.Panels {
			for _, t := range p.Targets {
				q.panels[p.Title] = append(q.panels[p.Title], t.Expr)
			}
		}
		all = append(all, q)
	}
	return all, nil
}

// named finds the series of ours in a query. Recorded ones have colons.
func named(expr string) []string {
	return regexp.MustCompile(`\bbelfry[_:][a-z0-9_:]+`).FindAllString(expr, -1)
}

// usesOf says for each metric which alerts and panels use it, directly or by
// what is recorded of it.
func usesOf(root string) (map[string][]string, error) {
	known, err := described()
	if err != nil {
		return nil, err
	}
	all, err := rules(root)
	if err != nil {
		return nil, err
	}
	recorded := map[string][]string{}
	for _, r := range all {
		if r.Record != "" {
			recorded[r.Record] = append(recorded[r.Record], named(r.Expr)...)
		}
	}
	uses := map[string][]string{}
	var note func(expr, use string)
	note = func(expr, use string) {
		for _, name := range named(expr) {
			addUse(uses, bare(name, known), use)
			for _, from := range recorded[name] {
				note(from, use)
			}
		}
	}
	for _, r := range all {
		if r.Alert != "" {
			note(r.Expr, "["+r.Alert+"](runbooks/"+r.Alert+".md)")
		}
	}
	boards, err := dashboards(root)
	if err != nil {
		return nil, err
	}
	for _, d := range boards {
		for _, exprs := range d.panels {
			for _, expr := range exprs {
				note(expr, d.dashboard)
			}
		}
	}
	for name := range uses {
		slices.Sort(uses[name])
	}
	return uses, nil
}

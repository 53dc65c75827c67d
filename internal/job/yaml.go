package job

import (
	"fmt"
	"slices"
	"strings"
)

// yamlFile is an opened YAML job file: a mapping with the keys clusters,
// calendars, blackouts, defaults and jobs.
type yamlFile struct {
	source    *source
	root      *node
	clusters  []string
	calendars *node
	blackouts *node
	defaults  *node
	jobs      *node
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// open reads all that does not depend on other files.
func (y *yamlFile) open() []Problem {
	var ps []Problem
	fail := func(at place, field, message, hint string) {
		ps = append(ps, y.source.problem(at, field, message, hint))
	}
	keys := []string{"clusters", "calendars", "blackouts", "defaults", "jobs"}
	if y.root.kind != mapping {
		fail(y.root.at, "", "expected a mapping with the keys "+strings.Join(keys, ", ")+", found "+y.root.found(), "")
		return ps
	}
	hasJobs, hasOthers := false, false
	for _, e := range y.root.entries {
		switch e.key {
		case "clusters":
			hasOthers = true
			y.openClusters(e, fail)
		case "calendars":
			hasOthers = true
			y.calendars = expect(e, mapping, "names of calendars, each with a list of days", fail)
		case "blackouts":
			hasOthers = true
			y.blackouts = expect(e, list, "write [] for none", fail)
		case "defaults":
			y.defaults = expect(e, mapping, "write {} for none", fail)
		case "jobs":
			hasJobs = true
			y.jobs = expect(e, list, "write [] for none", fail)
		default:
			hint := didYouMean(e.key, keys)
			if slices.Contains(fieldNames(), e.key) {
				hint = "fields of a job belong into an entry of jobs or into defaults"
			}
			fail(e.at, e.key, "unknown key", hint)
		}
	}
	if !hasJobs && !hasOthers && len(ps) == 0 {
		fail(y.root.at, "jobs", "is missing", "a file without jobs says so: jobs: []")
	}
	return ps
}

// expect returns the value of e if it is of the given kind.
func expect(e entry, k kind, hint string, fail func(at place, field, message, hint string)) *node {
	switch {
	case e.value == nil: // reported already
		return nil
	case e.value.kind != k:
		fail(e.value.at, e.key, fmt.Sprintf("expected %s, found %s", k, e.value.found()), hint)
		return nil
	}
	return e.value
}

func (y *yamlFile) openClusters(e entry, fail func(at place, field, message, hint string)) {
	names := expect(e, list, "leave the key out for "+strings.Join(DefaultClusters(), " and "), fail)
	if names == nil {
		return
	}
	if len(names.items) == 0 {
		fail(names.at, "clusters", "no cluster is named", "leave the key out for "+strings.Join(DefaultClusters(), " and "))
	}
	for i, n := range names.items {
		field := fmt.Sprintf("clusters[%d]", i)
		if n == nil {
			continue
		}
		if n.kind != scalar {
			fail(n.at, field, "expected the name of a cluster, found "+n.found(), "")
			continue
		}
		if message, hint := checkClusterName(n.text, y.clusters); message != "" {
			fail(n.at, field, message, hint)
			continue
		}
		y.clusters = append(y.clusters, n.text)
	}
}

// read gives the file's jobs to p.
func (y *yamlFile) read(p *parse) {
	r := &reader{source: y.source, room: maxExpanded, lookup: p.calendar}
	base := newDraft(y.source, place{line: 1, column: 1})
	base.job.Cluster = p.set.Clusters[0]
	if len(y.clusters) > 0 {
		base.job.Cluster = y.clusters[0]
	}
	if y.defaults != nil {
		r.readDefaults(base, y.defaults)
		p.fail(base.checkDefaults(p.checker)...)
	}
	inherited := r.spent
	if y.jobs != nil {
		for i, n := range y.jobs.items {
			if n == nil {
				continue
			}
			if n.kind != mapping {
				p.fail(y.source.problem(n.at, fmt.Sprintf("jobs[%d]", i), "expected a mapping with the fields of a job, found "+n.found(), ""))
				continue
			}
			r.spent += inherited
			d := base.child(n.at)
			if !r.readJob(d, n) {
				p.fail(y.source.problem(n.at, fmt.Sprintf("jobs[%d]", i),
					fmt.Sprintf("with its aliases and defaults written out, the file is longer than %d MiB", maxExpanded>>20),
					"split it into several files"))
				break
			}
			p.add(d)
		}
	}
	p.fail(r.problems...)
}

// checkDefaults finds what is wrong with the defaults themselves, even if no
// job has them.
func (d *draft) checkDefaults(c *checker) []Problem {
	j := d.job
	j.Name, j.Command = "defaults", []string{"true"}
	j.derive()
	findings := slices.DeleteFunc(c.check(j), func(f finding) bool { return d.where(f.field) == d.at })
	return d.problems(findings)
}

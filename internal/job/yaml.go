package job

import (
	"fmt"
	"iter"
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

	// tree and items are there where the jobs are read one at a time; jobs is
	// empty then.
	tree  *tree
	items []item
}

// newYAML reads the head of a file, or all of it where its jobs do not stand
// at its end. The file is nil if it cannot be read at all.
func newYAML(s *source) (*yamlFile, []Problem) {
	if o, ok := newOutline(s); ok {
		t := newTree(s)
		if root, problems := t.readHead(o); root != nil {
			root.entries[len(root.entries)-1].value.kind = list
			t.problems = nil
			return &yamlFile{source: s, root: root, tree: t, items: o.items}, problems
		}
	}
	root, problems := readWhole(s)
	if root == nil {
		return nil, problems
	}
	return &yamlFile{source: s, root: root}, problems
}

// readWhole is readTree of a file that is not too long for it.
func readWhole(s *source) (*node, []Problem) {
	if len(s.text) > maxWhole {
		return nil, []Problem{s.problem(place{line: 1, column: 1}, "",
			fmt.Sprintf("the file is %d MiB long, more than the %d MiB of one that does not end with its jobs, a job a list item", len(s.text)>>20, maxWhole>>20),
			`put "jobs:" on a line of its own behind all else, and each job behind a "- " on a line of its own`)}
	}
	return readTree(s)
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

func (y *yamlFile) size() int {
	if y.jobs == nil {
		return 0
	}
	return len(y.jobs.items) + len(y.items)
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
	for i, n := range y.eachJob(p) {
		field := fmt.Sprintf("jobs[%d]", i)
		if n.kind != mapping {
			p.fail(y.source.problem(n.at, field, "expected a mapping with the fields of a job, found "+n.found(), ""))
			continue
		}
		r.spent += inherited
		d := base.child(n.at)
		room := r.readJob(d, n)
		p.fail(r.problems...)
		r.problems = r.problems[:0]
		if !room {
			p.fail(y.source.problem(n.at, field,
				fmt.Sprintf("with its aliases and defaults written out, the file is longer than %d MiB", maxExpanded>>20),
				"split it into several files"))
			break
		}
		if p.add(d); p.full() {
			break
		}
	}
	p.fail(r.problems...)
}

// eachJob yields the jobs and their numbers. From an item on that is no YAML
// they are those of the file as a whole, if that is.
func (y *yamlFile) eachJob(p *parse) iter.Seq2[int, *node] {
	return func(yield func(int, *node) bool) {
		if y.jobs != nil {
			yieldFrom(0, y.jobs.items, yield)
		}
		for i, text := range y.items {
			job := readPlain(y.source, text)
			if job == nil {
				parsed, problem, ok := y.tree.readItem(text)
				job = parsed
				p.fail(y.tree.problems...)
				y.tree.problems = y.tree.problems[:0]
				if !ok {
					y.rest(p, i, problem, yield)
					return
				}
			}
			if job != nil && !yield(i, job) { // nil: reported already
				return
			}
		}
	}
}

// yieldFrom yields the jobs from number n on.
func yieldFrom(n int, jobs []*node, yield func(int, *node) bool) {
	for i, job := range jobs {
		if i >= n && job != nil && !yield(i, job) {
			return
		}
	}
}

// rest yields the jobs from number n on by reading the file as a whole, which
// tells best what is wrong with it.
func (y *yamlFile) rest(p *parse, n int, problem *Problem, yield func(int, *node) bool) {
	if len(y.source.text) > maxWhole {
		if problem == nil {
			found := y.source.problem(place{line: y.items[n].above + 1, column: 1}, fmt.Sprintf("jobs[%d]", n), "is no job", "")
			problem = &found
		}
		p.fail(*problem)
		return
	}
	root, problems := readWhole(y.source)
	p.fail(problems...)
	if root == nil {
		return
	}
	for _, e := range root.entries {
		if e.key == "jobs" && e.value != nil {
			yieldFrom(n, e.value.items, yield)
		}
	}
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

package job

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// File is a job file. Name is as the user gave it; its suffix decides the
// format: .yaml and .yml, .cron and .crontab. Beside says that it is none, but
// one that a job file reads (see References), given once or more.
type File struct {
	Name   string
	Data   []byte
	Beside bool
}

// Set is what a number of job files define together: the clusters of all of
// them, in order of mention, and the jobs in file order with every default
// filled in and Source set to the file's name.
type Set struct {
	Clusters []string
	Jobs     []Job

	marks map[string]mark // by job, if the set is from Survey
}

// Parse reads job files. If anything is wrong with any of them the set is
// empty and the error is Problems, with every problem of every file.
func Parse(files []File) (Set, error) {
	p := newParse()
	p.read(files)
	if problems := p.found(); len(problems) > 0 {
		return Set{}, problems
	}
	return p.set, nil
}

// Survey reads job files as Parse does, but returns what is good beside what
// is wrong, and remembers where everything stands.
func Survey(files []File) (Set, Problems) {
	p := newParse()
	p.set.marks = map[string]mark{}
	p.read(files)
	return p.set, p.found()
}

func newParse() *parse {
	return &parse{
		named: map[string]named{}, files: map[string]bool{},
		calendars: map[string]*definition{}, icals: map[string]*icalFile{}, said: map[Problem]bool{},
	}
}

// read opens all files, then reads what depends on the others.
func (p *parse) read(files []File) {
	for _, f := range files {
		p.open(f)
	}
	if p.set.Clusters == nil {
		p.set.Clusters = DefaultClusters()
	}
	p.checker = newChecker(p.set.Clusters)
	p.readCalendars()
	for _, d := range p.documents {
		if y, ok := d.(*yamlFile); ok {
			p.openBlackouts(y)
		}
	}
	jobs := 0
	for _, d := range p.documents {
		jobs += d.size()
	}
	p.set.Jobs = slices.Grow(p.set.Jobs, min(jobs, MaxJobs))
	for _, d := range p.documents {
		if d.read(p); p.full() {
			return
		}
	}
}

// parse is one call of Parse. Files are opened first, since the clusters of
// all of them must be known before the first job is read.
type parse struct {
	set       Set
	problems  Problems
	said      map[Problem]bool // of the problems: what is in the defaults is found in every job
	left      int              // problems beyond the most that are told, at least
	drafts    int              // jobs, good or not
	documents []document
	checker   *checker
	named     map[string]named
	files     map[string]bool

	calendars map[string]*definition
	order     []string // of calendars, as defined
	dates     int      // in all calendars so far
	barren    int      // rules found to match no day
	icals     map[string]*icalFile
	windows   []windows
}

// document is an opened file, ready to give its jobs to p. Its size is how
// many they probably are.
type document interface {
	size() int
	read(p *parse)
}

// named is where a job's name was first taken.
type named struct {
	file string
	at   place
}

func (p *parse) fail(problems ...Problem) {
	for _, found := range problems {
		switch {
		case p.said[found]:
		case len(p.problems) < maxProblems:
			p.said[found] = true
			p.problems = append(p.problems, found)
		default:
			p.left++
		}
	}
}

// failures counts what is wrong so far.
func (p *parse) failures() int { return len(p.problems) + p.left }

// found returns what is wrong, in order of file and place.
func (p *parse) found() Problems {
	p.problems.sort()
	if p.left > 0 {
		last := p.problems[len(p.problems)-1]
		p.problems = append(p.problems, Problem{
			File: last.File, Line: last.Line, Column: last.Column,
			Message: "there are more problems than these", Hint: "mend the first ones",
		})
	}
	return p.problems
}

func (p *parse) open(f File) {
	if f.Beside {
		if p.icals[f.Name] == nil {
			p.icals[f.Name] = &icalFile{File: f}
		}
		return
	}
	if p.files[f.Name] {
		p.fail(Problem{File: f.Name, Message: "the file is given twice"})
		return
	}
	p.files[f.Name] = true
	suffix := f.Name[strings.LastIndexByte(f.Name, '.')+1:]
	if !slices.Contains([]string{"yaml", "yml", "cron", "crontab"}, suffix) {
		p.fail(Problem{File: f.Name, Message: "not the name of a job file", Hint: "it must end in .yaml, .yml, .cron or .crontab"})
		return
	}
	s, problem := newSource(f)
	if problem != nil {
		p.fail(*problem)
		return
	}
	if suffix == "cron" || suffix == "crontab" {
		p.documents = append(p.documents, &crontab{source: s})
		return
	}
	y, problems := newYAML(s)
	p.fail(problems...)
	if y == nil {
		return
	}
	p.documents = append(p.documents, y)
	p.fail(y.open()...)
	p.openCalendars(y)
	for _, cluster := range y.clusters {
		if !slices.Contains(p.set.Clusters, cluster) {
			p.set.Clusters = append(p.set.Clusters, cluster)
		}
	}
}

// full reports whether there were more jobs than may be.
func (p *parse) full() bool { return p.drafts > MaxJobs }

// add finishes a draft and makes it one of the set's jobs.
func (p *parse) add(d *draft) {
	if p.drafts++; p.full() {
		p.fail(d.source.problem(d.at, "", fmt.Sprintf("the files hold more than %d jobs", MaxJobs), "give the jobs of this file and those behind it to another installation"))
		return
	}
	if extra := p.blackoutsOf(d.job.Cluster); len(extra) > 0 {
		d.job.Blackouts = slices.Concat(d.job.Blackouts, extra)
	}
	wrong := d.finish(p.checker)
	p.fail(wrong...)
	name := d.job.Name
	if name == "" || d.broken["name"] {
		return
	}
	at := d.where("name")
	if first, taken := p.named[name]; taken {
		if first == (named{file: d.source.name, at: at}) {
			at = d.at // one name, merged into two jobs
		}
		p.fail(d.source.problem(at, "name", fmt.Sprintf("a second job is named %q", name),
			fmt.Sprintf("the first is at %s:%s", first.file, first.at)))
		return
	}
	p.named[name] = named{file: d.source.name, at: at}
	if p.set.marks != nil {
		if len(wrong)+len(d.broken) > 0 {
			return // what it says of itself is not what was meant
		}
		p.set.marks[name] = mark{file: d.source.name, at: d.at, places: d.places, ignored: d.ignored}
	}
	p.set.Jobs = append(p.set.Jobs, d.job)
}

func sortedNames(names []string) []string {
	slices.Sort(names)
	return names
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

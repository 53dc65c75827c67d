package foreign

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/belfry-cron/belfry/internal/job"
)

// Kind is the form of a file.
type Kind string

// The kinds. A system's table names a user in each line, a user's does not;
// a script is one file of a folder that run-parts runs.
const (
	UserTable   Kind = "user"
	SystemTable Kind = "system"
	Script      Kind = "script"
	Anacrontab  Kind = "anacron"
	Manifest    Kind = "kubernetes"
)

// File is a piece of the input. Name is its path as people know it; folders
// and file names in it become part of the jobs' names.
type File struct {
	Name string
	Kind Kind

	// User is whose table it is (UserTable), or empty.
	User string

	// Executable tells whether a Script may be run.
	Executable bool

	Data []byte
}

// Options is what the files do not say themselves.
type Options struct {
	// Zone is the host's time zone, in which its tables are read; empty means
	// UTC. Manifests have zones of their own.
	Zone string

	// Cluster gets all jobs; empty leaves it to the job file's defaults.
	Cluster string
}

// Table is what came in: jobs, and remarks where none could be made.
type Table struct {
	Entries []Entry
	options Options
}

// Entry is one job with its comments, or comments alone.
type Entry struct {
	// From is the place of the origin, "file:line" or "file".
	From string

	// Job is nil where nothing could be carried over. Its cluster may be
	// empty; all else is filled in.
	Job *job.Job

	// Kept is what people had written above the line.
	Kept []string

	// Remarks say what could not be carried over, or means something else.
	Remarks []string
}

// Jobs are the jobs of the table.
func (t Table) Jobs() []job.Job {
	var jobs []job.Job
	for _, e := range t.Entries {
		if e.Job != nil {
			jobs = append(jobs, *e.Job)
		}
	}
	return jobs
}

// maxFile bounds a file, in bytes: the tree of a manifest takes fifty times that.
const maxFile = 8 << 20

// Read makes jobs of files. The error is about a file that cannot be read at
// all: not text, or not YAML.
func Read(files []File, o Options) (Table, error) {
	if o.Zone == "" {
		o.Zone = "UTC"
	}
	r := &reader{options: o, names: map[string]int{}, parts: map[string]part{}, folders: map[string]bool{}}
	for _, f := range files {
		if err := readable(f); err != nil {
			return Table{}, err
		}
		switch f.Kind {
		case Script:
			r.folders[folder(f.Name)] = true
		case Anacrontab:
			r.anacron = true
		case UserTable, SystemTable, Manifest:
		}
	}
	// Scripts come last: their times stand in the other files.
	for _, f := range files {
		if err := r.file(f); err != nil {
			return Table{}, err
		}
	}
	for _, f := range files {
		if f.Kind == Script {
			r.script(f)
		}
	}
	return Table{Entries: r.entries, options: o}, nil
}

// readable refuses what is no text, with its place. A script is not read.
func readable(f File) error {
	switch {
	case f.Kind == Script:
		return nil
	case len(f.Data) > maxFile:
		return fmt.Errorf("%s: the file is %d MiB long, more than %d MiB", f.Name, len(f.Data)>>20, maxFile>>20)
	case bytes.IndexByte(f.Data, 0) >= 0:
		line := 1 + bytes.Count(f.Data[:bytes.IndexByte(f.Data, 0)], []byte("\n"))
		return fmt.Errorf("%s:%d: a NUL byte: this is no text", f.Name, line)
	}
	return nil
}

// reader is one call of Read.
type reader struct {
	options Options
	entries []Entry
	names   map[string]int

	folders map[string]bool // of the scripts given
	parts   map[string]part // what starts the scripts of a folder
	anacron bool            // its table is among the files
}

func (r *reader) file(f File) error {
	switch f.Kind {
	case UserTable, SystemTable:
		r.crontab(f)
	case Anacrontab:
		r.anacrontab(f)
	case Manifest:
		return r.manifest(f)
	case Script:
	}
	return nil
}

// blank is a job with all defaults, in the host's zone.
func (r *reader) blank() job.Job {
	j := job.Default()
	j.Timezone = r.options.Zone
	j.Cluster = r.options.Cluster
	return j
}

// remark adds comments that belong to no job.
func (r *reader) remark(from string, remarks ...string) {
	r.entries = append(r.entries, Entry{From: from, Remarks: remarks})
}

// add checks a job and takes it, under a name of its own. What does not
// stand the test becomes a comment: origin is what stood in the file.
func (r *reader) add(e Entry, origin string) {
	j := e.Job.WithDefaults()
	j.Name = r.unique(j.Name)
	checked := j
	if checked.Cluster == "" {
		checked.Cluster = job.DefaultClusters()[0]
	}
	problems := checked.Validate()
	if !utf8.ValidString(origin) || !validText(j) {
		problems = append(problems, job.Problem{Message: "it holds bytes that are not UTF-8"})
	}
	e.Job = &j
	if len(problems) > 0 {
		r.names[j.Name]--
		e.Job = nil
		e.Remarks = append([]string{"Left out: " + origin}, e.Remarks...)
		for _, p := range problems {
			e.Remarks = append(e.Remarks, "  "+p.String())
		}
	}
	r.entries = append(r.entries, e)
}

// validText tells whether all that a job says is UTF-8.
func validText(j job.Job) bool {
	texts := append([]string{j.Schedule, j.Stdin, j.User, j.WorkingDir}, j.Command...)
	for name, value := range j.Env {
		texts = append(texts, name, value)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return false
		}
	}
	return true
}

// unique is the name, with a number if it is taken.
func (r *reader) unique(name string) string {
	const room = 10 // for the number
	name = name[:min(len(name), job.MaxName-room)]
	r.names[name]++
	n := r.names[name]
	for n > 1 {
		numbered := fmt.Sprintf("%s-%d", name, n)
		if r.names[numbered] == 0 {
			r.names[numbered]++
			return numbered
		}
		n++
	}
	return name
}

// at is the place of a line.
func at(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// base is the last part of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// folder is the path of the folder a file is in.
func folder(path string) string { return path[:max(strings.LastIndexByte(path, '/'), 0)] }

// word makes a part of a job's name of a text: its letters, digits, dots and
// underscores, with a dash for what stands between.
func word(text string) string {
	const longest = 60
	var b strings.Builder
	gap := false
	for i := 0; i < len(text) && b.Len() < longest; i++ {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteByte(c)
	}
	return strings.Trim(b.String(), ".-")
}

package job

import (
	"maps"
	"strings"
)

// draft is a job on its way from a file: what was read so far, where each
// field was written, and which fields have been found at fault already.
type draft struct {
	job    Job
	source *source
	at     place
	places map[string]place
	broken map[string]bool
}

// child returns a draft that starts out as d, for a job that begins at at.
func (d *draft) child(at place) *draft {
	c := &draft{job: d.job, source: d.source, at: at, places: maps.Clone(d.places), broken: maps.Clone(d.broken)}
	c.job.Env = maps.Clone(d.job.Env)
	c.job.Labels = maps.Clone(d.job.Labels)
	return c
}

func newDraft(s *source, at place) *draft {
	d := &draft{job: Default(), source: s, at: at, places: map[string]place{}, broken: map[string]bool{}}
	d.job.Source = s.name
	return d
}

// where is the place of a field, or of what it belongs to: that of "env" for
// an unknown "env.A", the job's own for a field that was not written.
func (d *draft) where(field string) place {
	for field != "" {
		if at, ok := d.places[field]; ok {
			return at
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
	return d.at
}

// finish fills in what depends on the whole job, and checks it.
func (d *draft) finish(c *checker) []Problem {
	d.job.derive()
	return d.problems(c.check(d.job))
}

// problems gives findings their places. A field that could not be read at
// all has been reported; what it lacks now is no second problem.
func (d *draft) problems(findings []finding) []Problem {
	var ps []Problem
	for _, f := range findings {
		top := f.field
		if i := strings.IndexAny(top, ".["); i >= 0 {
			top = top[:i]
		}
		if d.broken[f.field] || d.broken[top] {
			continue
		}
		at := d.where(f.field)
		if at.verbatim && f.offset > 0 {
			at.column += f.offset
		}
		ps = append(ps, d.source.problem(at, f.field, f.message, f.hint))
	}
	return ps
}

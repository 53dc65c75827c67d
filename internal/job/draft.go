package job

import (
	"maps"
	"slices"
	"strings"
)

// draft is a job on its way from a file: what was read so far, where each
// field was written, and which fields have been found at fault already.
type draft struct {
	job    Job
	source *source
	at     place
	places places
	broken map[string]bool // by field, nil while there are none
	// ignored are the lints that the job silences, by code, with the reason.
	ignored map[string]string
}

// child returns a draft that starts out as d, for a job that begins at at.
func (d *draft) child(at place) *draft {
	c := &draft{job: d.job, source: d.source, at: at, places: slices.Clone(d.places), broken: maps.Clone(d.broken)}
	c.job.Env = maps.Clone(d.job.Env)
	c.job.Labels = maps.Clone(d.job.Labels)
	c.ignored = maps.Clone(d.ignored)
	return c
}

func newDraft(s *source, at place) *draft {
	d := &draft{job: Default(), source: s, at: at}
	d.job.Source = s.name
	return d
}

// places are where fields were written, in the order they were read: of a
// field that is there twice the last counts. A job has so few of them that a
// list is smaller and faster than a map.
type places []fieldPlace

type fieldPlace struct {
	field string
	at    place
}

func (ps *places) set(field string, at place) {
	*ps = append(*ps, fieldPlace{field, at})
}

func (ps places) of(field string) (at place, ok bool) {
	for _, p := range slices.Backward(ps) {
		if p.field == field {
			return p.at, true
		}
	}
	return place{}, false
}

// broke notes that a field could not be read.
func (d *draft) broke(field string) {
	if d.broken == nil {
		d.broken = map[string]bool{}
	}
	d.broken[field] = true
}

// part is the place of length characters at offset, of as many as there are
// if length is 0.
func (p place) part(offset, length int) place {
	p.column += offset
	if length == 0 {
		length = max(p.length-offset, 0)
	}
	p.length = length
	return p
}

// where is the place of a field, or of what it belongs to: that of "env" for
// an unknown "env.A", the job's own for a field that was not written.
func (d *draft) where(field string) place {
	for field != "" {
		if at, ok := d.places.of(field); ok {
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

// isBroken reports whether a field, or what it is part of, could not be read.
func (d *draft) isBroken(field string) bool {
	for ; field != ""; field = field[:max(strings.LastIndexAny(field, ".["), 0)] {
		if d.broken[field] {
			return true
		}
	}
	return false
}

// problems gives findings their places. A field that could not be read at
// all has been reported; what it lacks now is no second problem.
func (d *draft) problems(findings []finding) []Problem {
	var ps []Problem
	for _, f := range findings {
		if d.isBroken(f.field) {
			continue
		}
		at := d.where(f.field)
		if at.verbatim && f.offset+f.length > 0 {
			at = at.part(f.offset, f.length)
		}
		ps = append(ps, d.source.problem(at, f.field, f.message, f.hint))
	}
	return ps
}

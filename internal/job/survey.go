package job

import (
	"fmt"
	"strings"
)

// mark is where a job of a set stands in its file, and what it silences.
type mark struct {
	file    string
	at      place
	places  places
	ignored map[string]string
}

// Position is a part of a line of a file. Line and Column count from 1, in
// characters; EndColumn is behind the last, 0 where it is not known.
type Position struct {
	File                    string
	Line, Column, EndColumn int
}

// Position is where a field of a job stands in its file, or the job itself if
// nobody wrote the field; only its file for a set that is not from Survey.
// Length characters of the field's text from offset on are meant, all of them
// if length is 0.
func (s *Set) Position(j *Job, field string, offset, length int) Position {
	m, ok := s.marks[j.Name]
	if !ok {
		return Position{File: j.Source}
	}
	at := (&draft{at: m.at, places: m.places}).where(field)
	if at.verbatim && at.length > 0 && offset+length > 0 {
		at = at.part(offset, length)
	}
	p := Position{File: m.file, Line: at.line, Column: at.column}
	if at.length > 0 {
		p.EndColumn = at.column + at.length
	}
	return p
}

// Ignored returns the codes of the lints that the job silences, each with the
// reason. Whether there is such a lint was not looked at.
func (s *Set) Ignored(j *Job) map[string]string { return s.marks[j.Name].ignored }

// checkIgnored says what is wrong with a lint that is silenced.
func checkIgnored(code, reason string) (message, hint string) {
	switch {
	case len(code) != len("BF000") || !strings.HasPrefix(code, "BF") || strings.Trim(code[2:], "0123456789") != "":
		return fmt.Sprintf("%q is not the code of a lint", code), "as belfry validate shows it, for example BF004"
	case strings.TrimSpace(reason) == "":
		return "has no reason", "say why it is silenced, for whoever wonders next year"
	}
	return "", ""
}

func (r *reader) checkIgnored(d *draft, field string, n *node) {
	for _, code := range sortedKeys(d.ignored) {
		at := field + "." + code
		if d.broken[at] || d.broken[field] {
			continue
		}
		if message, hint := checkIgnored(code, d.ignored[code]); message != "" {
			place, ok := d.places.of(at)
			if !ok {
				place = n.at
			}
			r.fail(d, place, at, message, hint)
		}
	}
}

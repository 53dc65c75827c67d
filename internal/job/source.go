package job

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// place is where something stands in a file: line and column from 1, the
// column in characters. Verbatim says that the value stands there letter by
// letter, so that a column may point into it; length is its length then, in
// characters, or 0 where that is not known.
type place struct {
	line, column int
	verbatim     bool
	length       int
}

func (p place) String() string { return fmt.Sprintf("%d:%d", p.line, p.column) }

// source is a file that is known to be text: UTF-8 without a mark, lines
// ended by "\n".
type source struct {
	name  string
	text  string
	lines []string
}

// newSource makes text of a file's bytes, or says why it is none.
func newSource(f File) (*source, *Problem) {
	refuse := func(at int, message, hint string) (*source, *Problem) {
		line := 1 + bytes.Count(f.Data[:at], []byte("\n"))
		start := bytes.LastIndexByte(f.Data[:at], '\n') + 1
		return nil, &Problem{
			File: f.Name, Line: line, Column: 1 + utf8.RuneCount(f.Data[start:at]),
			Message: message, Hint: hint,
		}
	}
	if len(f.Data) > MaxFile {
		return nil, &Problem{
			File: f.Name, Line: 1, Column: 1,
			Message: fmt.Sprintf("the file is %d MiB long, more than the %d MiB a job file may have", len(f.Data)>>20, MaxFile>>20),
			Hint:    "split it into several files",
		}
	}
	f.Data = bytes.TrimPrefix(f.Data, []byte("\uFEFF"))
	if len(bytes.TrimSpace(f.Data)) == 0 {
		// Not taken for "no jobs": it is what a file looks like while an
		// editor or a failed copy has emptied it.
		return refuse(0, "the file is empty", "a file without jobs says so: jobs: [] in YAML, a comment in a crontab")
	}
	for i := 0; i < len(f.Data); {
		r, size := utf8.DecodeRune(f.Data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return refuse(i, fmt.Sprintf("byte 0x%02X is not UTF-8", f.Data[i]), "save the file as UTF-8")
		case r == '\r' && (i+1 == len(f.Data) || f.Data[i+1] != '\n'):
			return refuse(i, "a carriage return that ends no line", `end lines with "\n" or "\r\n"`)
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7F, r == 0xFEFF:
			return refuse(i, fmt.Sprintf("control character U+%04X", r), "remove it; in YAML a double-quoted string may hold it as an escape")
		}
		i += size
	}
	text := strings.ReplaceAll(string(f.Data), "\r\n", "\n")
	return &source{name: f.Name, text: text, lines: strings.Split(text, "\n")}, nil
}

// find returns the place of a value that starts at the given line and column,
// perhaps behind a quote. A place the file does not have becomes its start.
func (s *source) find(line, column int, value string) place {
	const furthest = 4096 // looking further would make one long line slow
	if line < 1 || line > len(s.lines) || column < 1 {
		return place{line: 1, column: 1}
	}
	if column > furthest {
		return place{line: line, column: column}
	}
	rest := s.lines[line-1]
	for range column - 1 {
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	length := utf8.RuneCountInString(value)
	if strings.HasPrefix(rest, value) {
		return place{line: line, column: column, verbatim: true, length: length}
	}
	if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') && strings.HasPrefix(rest[1:], value) {
		return place{line: line, column: column + 1, verbatim: true, length: length}
	}
	return place{line: line, column: column}
}

// problem is a Problem of this file.
func (s *source) problem(at place, field, message, hint string) Problem {
	p := Problem{File: s.name, Line: at.line, Column: at.column, Field: field, Message: message, Hint: hint}
	if at.length > 0 {
		p.EndColumn = at.column + at.length
	}
	return p
}

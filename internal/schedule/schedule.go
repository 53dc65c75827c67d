package schedule

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Options is what an expression needs beside its text.
type Options struct {
	// Seconds allows a sixth field, in front, for the second.
	Seconds bool

	// Location is the zone whose wall clock the fields name; nil means UTC.
	Location *time.Location

	// Key settles H and ~: the same key gets the same times on every host
	// and after every restart. Belfry passes the job's name.
	Key string
}

// Schedule is a parsed expression. The zero value is not usable; see Parse.
type Schedule struct {
	loc      *time.Location
	kind     kind
	interval int64 // kindEvery: seconds between due times
	at       int64 // kindAt: Unix seconds of the only due time
	spec     spec  // kindFields
}

type kind uint8

const (
	kindFields kind = iota
	kindEvery
	kindAt
)

// maxExpr bounds an expression, in bytes; the longest sensible one, every
// minute listed by hand in every field, is a third of it.
const maxExpr = 1024

// Parse reads an expression: five fields, six with Options.Seconds, or one of
// the @ forms. Every error is an *Error whose position counts bytes of expr.
// A schedule whose day never comes (30 February) is an error too.
func Parse(expr string, o Options) (*Schedule, error) {
	s := &Schedule{loc: o.Location}
	if s.loc == nil {
		s.loc = time.UTC
	}
	if len(expr) > maxExpr {
		return nil, &Error{Pos: maxExpr, Len: len(expr) - maxExpr, Msg: "the expression is longer than 1024 bytes"}
	}
	fields := split(expr)
	if len(fields) == 0 {
		return nil, &Error{Len: len(expr), Msg: "the expression is empty", Hint: "five fields: minute hour day-of-month month day-of-week, or @daily"}
	}
	if err := s.parse(fields, o); err != nil {
		if slip := slips(fields, o); slip != nil {
			err = slip
		} else if dialect := recognise(expr, fields, o); dialect != nil {
			err = dialect
		}
		err.char = utf8.RuneCountInString(expr[:min(err.Pos, len(expr))])
		return nil, err
	}
	return s, nil
}

func (s *Schedule) parse(fields []token, o Options) *Error {
	if fields[0].text[0] == '@' {
		return s.parseAt(fields, o)
	}
	return s.parseFields(fields, o)
}

// Location is the zone whose wall clock the schedule follows.
func (s *Schedule) Location() *time.Location { return s.loc }

// token is a piece of the expression and where it begins.
type token struct {
	text string
	pos  int
}

// sub is the part [i, j) of a token, which knows its own place.
func (t token) sub(i, j int) token { return token{t.text[i:j], t.pos + i} }

// split cuts an expression at blanks and tabs, as cron does.
func split(expr string) []token {
	var out []token
	for i := 0; i < len(expr); {
		if expr[i] == ' ' || expr[i] == '\t' {
			i++
			continue
		}
		n := strings.IndexAny(expr[i:], " \t")
		if n < 0 {
			n = len(expr) - i
		}
		out = append(out, token{expr[i : i+n], i})
		i += n
	}
	return out
}

package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/schedule"
)

// Finding is one thing that a lint found, and where.
type Finding struct {
	job.Position

	Code     Code
	Severity Severity
	Job      string
	Field    string
	Message  string
	Hint     string
}

// Check returns what lints find in a set from job.Survey, as of now, in order
// of file and place. What is found in the defaults is said once.
func Check(set job.Set, now time.Time) []Finding {
	c := &checker{
		set: set, now: now.UTC().Truncate(time.Second), compiler: job.NewCompiler(),
		known: map[meaning]*facts{}, ends: map[string]calendarEnd{}, crowds: map[string]crowds{},
	}
	for i := range set.Jobs {
		c.ignored(&set.Jobs[i])
		c.background(&subject{Job: &set.Jobs[i]})
		s, ok := c.subject(&set.Jobs[i])
		if !ok {
			continue
		}
		c.join(s)
		c.expression(s)
		c.dues(s)
		c.clock(s)
	}
	c.load()
	return sorted(c.findings)
}

func sorted(all []Finding) []Finding {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(all, func(a, b Finding) bool {
		a.Job, b.Job = "", ""
		return a == b
	})
}

// checker is one call of Check.
type checker struct {
	set       job.Set
	now       time.Time
	calendars job.Calendars
	compiler  *job.Compiler
	known     map[meaning]*facts
	crowds    map[string]crowds      // by cluster
	ends      map[string]calendarEnd // by name
	findings  []Finding
}

// calendarEnd is the last day of a calendar, if it has one.
type calendarEnd struct {
	last time.Time
	ends bool
}

// subject is a job that has a schedule.
type subject struct {
	*job.Job

	schedule *schedule.Schedule
	except   *job.Exclusions
	// words are the fields as written, none for an @ form.
	words []word
	*facts
}

// word is a part of an expression and where it begins.
type word struct {
	text   string
	offset int
}

// meaning is all that facts depend on: a canonical expression and a zone.
type meaning struct{ canonical, zone string }

// facts are what a schedule in a zone means, found out once for all jobs that
// have it.
type facts struct {
	zone *time.Location
	// plain is the schedule on a clock that never changes.
	plain *schedule.Schedule
	local *schedule.Schedule // in its zone, once asked for
	// fields are those of the canonical form, from the second to the day of
	// the week; none for @every and @at.
	fields []string
	// gap is the shortest between due times soon to come, zero where there
	// are not two.
	gap     time.Duration
	changes []string
	changed bool // changes were looked for
}

const (
	second = iota
	minute
	hour
	dayOfMonth
	month
	dayOfWeek
)

// soon is how many due times are looked at to tell how far they lie apart.
const soon = 100

// subject makes a job ready; not ok if it has no schedule.
func (c *checker) subject(j *job.Job) (*subject, bool) {
	made, err := c.compiler.Schedule(j)
	if err != nil || made == nil {
		return nil, false
	}
	s := &subject{Job: j, schedule: made}
	if s.except, err = c.calendars.Exclusions(j, made.Location()); err != nil {
		return nil, false
	}
	if !strings.HasPrefix(strings.TrimLeft(j.Schedule, " \t"), "@") {
		s.words = split(j.Schedule)
	}
	key := meaning{made.String(), j.Timezone}
	if s.facts = c.known[key]; s.facts == nil {
		s.facts = c.study(made)
		c.known[key] = s.facts
	}
	return s, true
}

// study finds out what a schedule means.
func (c *checker) study(made *schedule.Schedule) *facts {
	f := &facts{zone: made.Location(), plain: made}
	canonical := made.String()
	if !strings.HasPrefix(canonical, "@") {
		f.fields = strings.Fields(canonical)
		if len(f.fields) == 5 {
			f.fields = append([]string{"0"}, f.fields...)
		}
		f.plain = on(f.fields, time.UTC)
	}
	last, ok := f.plain.Next(c.now)
	for range soon {
		due, more := time.Time{}, false
		if ok {
			due, more = f.plain.Next(last)
		}
		if !more {
			break
		}
		if gap := due.Sub(last); f.gap == 0 || gap < f.gap {
			f.gap = gap
		}
		last = due
	}
	return f
}

// on is the schedule of canonical fields in another zone.
func on(fields []string, zone *time.Location) *schedule.Schedule {
	made, err := schedule.Parse(strings.Join(fields, " "), schedule.Options{Seconds: true, Location: zone})
	if err != nil {
		return nil // a canonical form is always read again
	}
	return made
}

func split(expression string) []word {
	var words []word
	for i := 0; i < len(expression); {
		if expression[i] == ' ' || expression[i] == '\t' {
			i++
			continue
		}
		n := strings.IndexAny(expression[i:], " \t")
		if n < 0 {
			n = len(expression) - i
		}
		words = append(words, word{expression[i : i+n], i})
		i += n
	}
	return words
}

// column is a field as it was written; not ok if it was not.
func (s *subject) column(which int) (w word, ok bool) {
	if len(s.words) == 5 {
		which--
	}
	if which < 0 || which >= len(s.words) {
		return word{}, false
	}
	return s.words[which], true
}

// found notes a finding on a field of a job, unless the job silences it.
func (c *checker) found(s *subject, code Code, field, message, hint string) {
	c.foundIn(s, code, field, word{}, message, hint)
}

// foundIn notes a finding on a part of a field's text.
func (c *checker) foundIn(s *subject, code Code, field string, part word, message, hint string) {
	if s.ignores(c, code) {
		return
	}
	l, _ := Describe(code)
	c.findings = append(c.findings, Finding{
		Position: c.set.Position(s.Job, field, part.offset, len(part.text)),
		Code:     code, Severity: l.Severity, Job: s.Name, Field: field, Message: message, Hint: hint,
	})
}

func (s *subject) ignores(c *checker, code Code) bool {
	_, silent := c.set.Ignored(s.Job)[string(code)]
	return silent
}

// ignored finds codes in lint_ignore that are none.
func (c *checker) ignored(j *job.Job) {
	for _, code := range slices.Sorted(maps.Keys(c.set.Ignored(j))) {
		if _, known := Describe(Code(code)); known && Code(code) != Invalid {
			continue
		}
		field := "lint_ignore." + code
		c.findings = append(c.findings, Finding{
			Position: c.set.Position(j, field, 0, 0), Code: Invalid, Severity: Error, Job: j.Name, Field: field,
			Message: fmt.Sprintf("there is no lint %s that can be silenced", code), Hint: "docs/lints.md has them all",
		})
	}
}

package job

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// notices reads the fields from which follows what is told.
func (r *reader) notices(d *draft, field string, n *node) {
	switch field {
	case "notify":
		r.notify(d, field, n)
	case "expect_success_within":
		r.duration(d, field, n, &d.job.ExpectSuccessWithin)
	case "done_by":
		r.text(d, field, n, &d.job.DoneBy)
		r.refuseEmpty(d, field, n, d.job.DoneBy)
	}
}

// notify reads who is told of what: a list of rules, or one.
func (r *reader) notify(d *draft, field string, n *node) {
	items := []*node{n}
	switch n.kind {
	case list:
		items = n.items
	case mapping:
	case scalar, nothing:
		r.fail(d, n.at, field, "expected a list of rules, found "+n.found(), "each with when and to")
		return
	}
	d.job.Notify = nil
	for i, item := range items {
		d.job.Notify = append(d.job.Notify, r.rule(d, fmt.Sprintf("%s[%d]", field, i), item))
	}
}

// rule reads one of them.
func (r *reader) rule(d *draft, field string, n *node) (rule Notify) {
	if n == nil {
		d.broke(field)
		return rule
	}
	d.places.set(field, n.at)
	before := len(r.problems)
	for _, e := range r.parts(d, field, n, []string{"when", "to", "every", "late_after", "in_a_row"}) {
		at := field + "." + e.key
		switch e.key {
		case "when":
			for _, word := range r.words(d, at, e.value) {
				rule.When = append(rule.When, When(word))
			}
		case "to":
			rule.To = r.words(d, at, e.value)
		case "every":
			r.duration(d, at, e.value, &rule.Every)
		case "late_after":
			r.duration(d, at, e.value, &rule.LateAfter)
		case "in_a_row":
			r.integer(d, at, e.value, &rule.InARow)
			if e.value != nil && e.value.text == "0" { // which means the default in a record
				r.fail(d, e.value.at, at, "0 is not between 1 and "+strconv.Itoa(MaxInARow), "leave it out for the default")
			}
		}
	}
	if len(r.problems) > before {
		d.broke(field) // what it lacks now is no second problem
	}
	return rule
}

// words reads a word or a list of them.
func (r *reader) words(d *draft, field string, n *node) []string {
	if n == nil {
		d.broke(field)
		return nil
	}
	items := []*node{n}
	if n.kind == list {
		items = n.items
	}
	words := make([]string, len(items))
	for i, item := range items {
		at := field
		if n.kind == list {
			at = fmt.Sprintf("%s[%d]", field, i)
		}
		r.text(d, at, item, &words[i])
		if item != nil {
			d.places.set(at, item.at)
		}
	}
	return words
}

// notify checks who is told of what.
func (c *checker) notify(j Job) {
	if len(j.Notify) > MaxNotify {
		c.fail("notify", fmt.Sprintf("has %d rules, more than %d", len(j.Notify), MaxNotify), "a rule may name several occasions and targets")
	}
	for i := range j.Notify {
		c.notifyRule(fmt.Sprintf("notify[%d]", i), &j.Notify[i])
	}
	if j.DoneBy != "" {
		c.doneBy(j)
	}
}

func (c *checker) notifyRule(field string, rule *Notify) {
	if len(rule.When) == 0 {
		c.fail(field+".when", "is missing", "one or more of "+strings.Join(wordsOf(Whens()), ", "))
	}
	for i, when := range rule.When {
		at := fmt.Sprintf("%s.when[%d]", field, i)
		switch {
		case !slices.Contains(Whens(), when):
			hint := ""
			if near := nearest(string(when), wordsOf(Whens())); near != "" {
				hint = "did you mean " + near + "?"
			}
			c.fail(at, fmt.Sprintf("expected one of %s, found %q", strings.Join(wordsOf(Whens()), ", "), when), hint)
		case slices.Contains(rule.When[:i], when):
			c.fail(at, fmt.Sprintf("names %q twice", when), "")
		}
	}
	c.targets(field+".to", rule.To)
	for _, t := range []struct {
		field string
		value time.Duration
	}{{".every", rule.Every}, {".late_after", rule.LateAfter}} {
		if t.value < 0 || t.value > MaxDuration || t.value%time.Millisecond != 0 {
			c.fail(field+t.field, "is not a duration of whole milliseconds up to "+formatDuration(MaxDuration), "")
		}
	}
	if n := cmp.Or(rule.InARow, DefaultInARow); n < 1 || n > MaxInARow {
		c.fail(field+".in_a_row", fmt.Sprintf("%d is not between 1 and %d", n, MaxInARow), "")
	}
}

func (c *checker) targets(field string, to []string) {
	switch {
	case len(to) == 0:
		c.fail(field, "is missing", "the names of targets in the settings of the servers")
	case len(to) > MaxTargets:
		c.fail(field, fmt.Sprintf("has %d targets, more than %d", len(to), MaxTargets), "")
	}
	for i, name := range to {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case !legal(name, "._-") || len(name) > MaxTarget:
			c.fail(at, fmt.Sprintf("%q is not the name of a target", name),
				fmt.Sprintf("letters, digits and . _ -, at most %d; an address stands in the settings of the servers", MaxTarget))
		case slices.Contains(to[:i], name):
			c.fail(at, fmt.Sprintf("names %q twice", name), "")
		}
	}
}

// doneBy checks the time of day, which is one of the job's zone.
func (c *checker) doneBy(j Job) {
	if _, err := time.Parse(DoneByForm, j.DoneBy); err != nil || len(j.DoneBy) != len(DoneByForm) {
		c.fail("done_by", fmt.Sprintf("%q is not a time of day", j.DoneBy), `00:00 to 23:59, as in "06:00"`)
		return
	}
	if j.Schedule == "" {
		c.fail("done_by", "belongs to a job with a schedule", "give the job a schedule, or use expect_success_within")
	}
}

func wordsOf[T ~string](all []T) []string {
	words := make([]string, len(all))
	for i, word := range all {
		words[i] = string(word)
	}
	return words
}

package job

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// definition is a calendar as a file defines it.
type definition struct {
	source   *source
	at       place
	items    *node
	calendar Calendar
	broken   bool
}

// windows are the blackouts a file has for clusters.
type windows struct {
	source   *source
	clusters []string // nil: all
	blackout Blackout
}

// References returns the names of the files that job files read beside
// themselves, each once: iCalendar files, which Parse wants among its files.
// They are named as from where the job files are. What cannot be read names
// none; Parse says what is wrong with it.
func References(files []File) []string {
	var names []string
	for _, f := range files {
		if !isYAML(f.Name) || !strings.Contains(string(f.Data), "ical") {
			continue
		}
		s, problem := newSource(f)
		if problem != nil {
			continue
		}
		root, _ := readTree(s)
		if root == nil {
			continue
		}
		for _, items := range calendarItems(root) {
			for _, item := range items.items {
				if item == nil {
					continue
				}
				for _, e := range item.entries {
					if e.key == "ical" && e.value != nil && e.value.kind == scalar && e.value.text != "" {
						names = append(names, beside(f.Name, e.value.text))
					}
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// calendarItems are the lists under a file's key calendars.
func calendarItems(root *node) []*node {
	var lists []*node
	for _, e := range root.entries {
		if e.key != "calendars" || e.value == nil {
			continue
		}
		for _, c := range e.value.entries {
			if c.value != nil {
				lists = append(lists, c.value)
			}
		}
	}
	return lists
}

// beside is the name of a file that another one refers to.
func beside(name, reference string) string {
	if path.IsAbs(reference) {
		return path.Clean(reference)
	}
	return path.Join(path.Dir(name), reference)
}

// openCalendars notes the calendars a file defines; they are read once all
// files are open.
func (p *parse) openCalendars(y *yamlFile) {
	if y.calendars == nil {
		return
	}
	for _, e := range y.calendars.entries {
		field := "calendars." + e.key
		fail := func(message, hint string) { p.fail(y.source.problem(e.at, field, message, hint)) }
		first, taken := p.calendars[e.key]
		switch {
		case e.value == nil: // reported already
			p.calendars[e.key] = &definition{broken: true}
		case !legal(e.key, "._-") || len(e.key) > maxCalendarName:
			fail(fmt.Sprintf("%q is not a name for a calendar", e.key), fmt.Sprintf("letters, digits and . _ -, at most %d", maxCalendarName))
		case taken:
			fail(fmt.Sprintf("a second calendar is named %q", e.key), fmt.Sprintf("the first is at %s:%s", first.source.name, first.at))
		case e.value.kind != list:
			fail("expected a list of days, found "+e.value.found(), "dates, ranges of dates, rrule: or ical: entries")
			p.calendars[e.key] = &definition{broken: true, source: y.source, at: e.at}
		default:
			p.calendars[e.key] = &definition{source: y.source, at: e.at, items: e.value, calendar: Calendar{Name: e.key}}
			p.order = append(p.order, e.key)
		}
	}
}

// readCalendars makes calendars of the definitions.
func (p *parse) readCalendars() {
	for _, name := range p.order {
		d := p.calendars[name]
		r := calendarReader{p: p, definition: d, field: "calendars." + name, before: p.failures()}
		for i, n := range d.items.items {
			if n == nil {
				d.broken = true
				continue
			}
			p.dates++
			if p.dates > maxDates {
				r.fail(n.at, r.field, fmt.Sprintf("the calendars hold more than %d entries", maxDates), "")
				break
			}
			r.item(fmt.Sprintf("%s[%d]", r.field, i), n)
		}
		d.calendar.Days = formatDays(join(r.fixed))
		switch {
		case d.broken || p.failures() > r.before:
			d.broken = true
		case d.calendar.Days == "" && len(d.calendar.Rules) == 0:
			r.fail(d.at, r.field, "the calendar has no day", "a job that names it in only_on would never run")
			d.broken = true
		case len(d.calendar.Rules) > maxRules:
			r.fail(d.at, r.field, fmt.Sprintf("the calendar has %d rules, more than %d", len(d.calendar.Rules), maxRules), "write dates")
			d.broken = true
		}
		d.items = nil
	}
}

// calendarReader reads one calendar.
type calendarReader struct {
	*definition
	p      *parse
	field  string
	fixed  []days
	before int
}

func (r *calendarReader) fail(at place, field, message, hint string) {
	r.p.fail(r.source.problem(at, field, message, hint))
}

func (r *calendarReader) item(field string, n *node) {
	switch n.kind {
	case scalar:
		s, message, hint := parseDays(n.text)
		if message != "" {
			r.fail(n.at, field, message, hint)
			return
		}
		r.fixed = append(r.fixed, s)
	case mapping:
		r.mapped(field, n)
	case list, nothing:
		r.fail(n.at, field, "expected a date, a range of dates, or a mapping with rrule or ical, found "+n.found(), "")
	}
}

// mapped reads {rrule: …, from: …, except: […]} or {ical: …}.
func (r *calendarReader) mapped(field string, n *node) {
	known := []string{"rrule", "from", "except", "ical"}
	values := map[string]*node{}
	before := r.p.failures()
	for _, e := range n.entries {
		at := field + "." + e.key
		switch {
		case !slices.Contains(known, e.key):
			r.fail(e.at, at, "unknown field", didYouMean(e.key, known))
		case e.value == nil: // reported already
			r.broken = true
			return
		case e.value.kind != scalar && e.key != "except":
			r.fail(e.value.at, at, "expected a string, found "+e.value.found(), "")
		default:
			values[e.key] = e.value
		}
	}
	switch {
	case r.p.failures() > before:
	case values["ical"] != nil && len(values) > 1:
		r.fail(n.at, field, "ical goes with no other field", "write two entries")
	case values["ical"] != nil:
		r.file(field+".ical", values["ical"])
	case values["rrule"] != nil:
		r.rule(field, values)
	default:
		r.fail(n.at, field, "has neither rrule nor ical", "a date stands alone: 2026-12-24")
	}
}

func (r *calendarReader) rule(field string, values map[string]*node) {
	n, rule := values["rrule"], Rule{}
	from := day(0)
	if begin := values["from"]; begin != nil {
		var ok bool
		if from, ok = parseDay(begin.text); !ok {
			r.fail(begin.at, field+".from", fmt.Sprintf("%q is not a day", begin.text), "for example 2026-01-02")
			return
		}
		rule.From = from.String()
	}
	made, wrong := parseRule(n.text, from, rule.From != "")
	if wrong != nil {
		at := n.at
		if at.verbatim && wrong.offset <= len(n.text) {
			at.column += len([]rune(n.text[:wrong.offset]))
			at.length = wrong.length
		}
		r.fail(at, field+".rrule", wrong.message, wrong.hint)
		return
	}
	made.except = join(r.exceptions(field+".except", values["except"]))
	rule.RRule, rule.Except = made.text, formatDays(made.except)
	switch {
	case made.count > 0:
		r.fixed = append(r.fixed, made.counted()...)
	case r.p.barren < maxBarren && !made.comes():
		r.p.barren++
		r.fail(n.at, field+".rrule", "no day ever matches this rule", "")
	default:
		r.calendar.Rules = append(r.calendar.Rules, rule)
	}
}

// maxBarren is of how many rules it is found out that no day matches them,
// which takes a walk through all years there are.
const maxBarren = 5

func (r *calendarReader) exceptions(field string, n *node) []days {
	if n == nil {
		return nil
	}
	items := []*node{n}
	if n.kind == list {
		items = n.items
	}
	var all []days
	for _, item := range items {
		switch {
		case item == nil:
			r.broken = true
		case item.kind != scalar:
			r.fail(item.at, field, "expected a date or a range of dates, found "+item.found(), "")
		default:
			s, message, hint := parseDays(item.text)
			if message != "" {
				r.fail(item.at, field, message, hint)
			}
			all = append(all, s)
		}
	}
	return all
}

// file reads an iCalendar file, once for all calendars that name it.
func (r *calendarReader) file(field string, n *node) {
	name := beside(r.source.name, n.text)
	f, ok := r.p.icals[name]
	if !ok {
		r.fail(n.at, field, fmt.Sprintf("there is no file %s that can be read", name), "the path is relative to the job file")
		return
	}
	if !f.read {
		f.read = true
		s, problem := newSource(f.File)
		if problem != nil {
			r.p.fail(*problem)
			f.broken = true
		} else {
			var problems []Problem
			f.fixed, f.rules, problems = readICal(s)
			r.p.fail(problems...)
			f.broken = len(problems) > 0
		}
	}
	if f.broken {
		r.broken = true
		return
	}
	r.p.dates += len(f.fixed) + len(f.rules)
	r.fixed = append(r.fixed, f.fixed...)
	r.calendar.Rules = append(r.calendar.Rules, f.rules...)
}

// icalFile is an iCalendar file among the files given.
type icalFile struct {
	File
	read, broken bool
	fixed        []days
	rules        []Rule
}

// named resolves the name of a calendar.
func (p *parse) calendar(name string) (c Calendar, message, hint string, ok bool) {
	d, known := p.calendars[name]
	switch {
	case !known && len(p.calendars) == 0:
		return c, fmt.Sprintf("there is no calendar %q", name), "calendars are defined under the key calendars of a job file", false
	case !known:
		names := make([]string, 0, len(p.calendars))
		for n := range p.calendars {
			names = append(names, n)
		}
		return c, fmt.Sprintf("there is no calendar %q", name), didYouMean(name, sortedNames(names)), false
	case d.broken:
		return c, "", "", false
	}
	return d.calendar, "", "", true
}

// openBlackouts reads the windows a file has for clusters.
func (p *parse) openBlackouts(y *yamlFile) {
	if y.blackouts == nil {
		return
	}
	d := newDraft(y.source, y.blackouts.at)
	r := &reader{source: y.source, room: maxExpanded}
	var all []Blackout
	clusters := make([][]string, len(y.blackouts.items))
	for i, n := range y.blackouts.items {
		b, names := r.blackout(d, fmt.Sprintf("blackouts[%d]", i), n, true)
		if b.Timezone == "" && b.Weekly != "" {
			b.Timezone = Default().Timezone
		}
		all, clusters[i] = append(all, b), names
	}
	p.fail(r.problems...)
	c := p.checker
	c.findings = nil
	c.blackouts("blackouts", all)
	for i, names := range clusters {
		for k, name := range names {
			if !slices.Contains(c.clusters, name) {
				c.fail(fmt.Sprintf("blackouts[%d].clusters[%d]", i, k), fmt.Sprintf("there is no cluster %q", name), didYouMean(name, c.clusters))
			}
		}
	}
	found := d.problems(c.findings)
	p.fail(found...)
	if len(found)+len(r.problems) > 0 {
		return
	}
	for i, b := range all {
		p.windows = append(p.windows, windows{source: y.source, clusters: clusters[i], blackout: b})
	}
}

// blackoutsOf are the windows that files have for a cluster.
func (p *parse) blackoutsOf(cluster string) []Blackout {
	var all []Blackout
	for _, w := range p.windows {
		if w.clusters == nil || slices.Contains(w.clusters, cluster) {
			all = append(all, w.blackout)
		}
	}
	return all
}

// calendars reads the field of a job that names calendars: one, or a list.
func (r *reader) calendars(d *draft, field string, n *node, into *[]Calendar) {
	items := []*node{n}
	if n.kind == list {
		items = n.items
	}
	*into = nil
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", field, i)
		if !r.scalar(d, at, item, "the name of a calendar") {
			d.broke(field)
			continue
		}
		d.places.set(at, item.at)
		c, message, hint, ok := r.lookup(item.text)
		if message != "" {
			r.fail(d, item.at, field, message, hint)
		}
		if !ok {
			d.broke(field)
			continue
		}
		*into = append(*into, c)
	}
}

// windows reads the blackouts of a job.
func (r *reader) windows(d *draft, field string, n *node) {
	if n.kind != list {
		r.fail(d, n.at, field, "expected a list of windows, found "+n.found(), `each with a name and weekly, or from and to`)
		return
	}
	d.job.Blackouts = nil
	for i, item := range n.items {
		b, _ := r.blackout(d, fmt.Sprintf("%s[%d]", field, i), item, false)
		d.job.Blackouts = append(d.job.Blackouts, b)
	}
}

// blackout reads one window.
func (r *reader) blackout(d *draft, field string, n *node, ofFile bool) (b Blackout, clusters []string) {
	known := []string{"name", "from", "to", "weekly", "timezone"}
	if ofFile {
		known = append(known, "clusters")
	}
	if n == nil {
		d.broke(field)
		return b, nil
	}
	d.places.set(field, n.at)
	before := len(r.problems)
	for _, e := range r.parts(d, field, n, known) {
		at := field + "." + e.key
		switch e.key {
		case "name":
			r.text(d, at, e.value, &b.Name)
		case "from":
			r.instant(d, at, e.value, &b.From)
		case "to":
			r.instant(d, at, e.value, &b.To)
		case "weekly":
			r.text(d, at, e.value, &b.Weekly)
			r.refuseEmpty(d, at, e.value, b.Weekly)
		case "timezone":
			r.text(d, at, e.value, &b.Timezone)
			r.refuseEmpty(d, at, e.value, b.Timezone)
		case "clusters":
			clusters = r.names(d, at, e.value)
		}
	}
	if len(r.problems) > before {
		d.broke(field) // what it lacks now is no second problem
	}
	return b, clusters
}

func (r *reader) names(d *draft, field string, n *node) []string {
	names := []string{}
	if n == nil || n.kind != list || len(n.items) == 0 {
		if n != nil {
			r.fail(d, n.at, field, "expected a list of clusters", "leave the key out for all of them")
		}
		return names
	}
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", field, i)
		var name string
		r.text(d, at, item, &name)
		if item != nil {
			d.places.set(at, item.at)
		}
		names = append(names, name)
	}
	return names
}

func (r *reader) instant(d *draft, field string, n *node, into *time.Time) {
	const form = "an instant with its offset, as 2026-12-24T18:00:00+01:00"
	if !r.scalar(d, field, n, form) {
		return
	}
	at, err := time.Parse(time.RFC3339, n.text)
	if err != nil || at.Nanosecond() != 0 || at.Unix() <= 0 {
		r.fail(d, n.at, field, fmt.Sprintf("expected %s, found %q", form, n.text), "")
		return
	}
	*into = at.UTC()
}

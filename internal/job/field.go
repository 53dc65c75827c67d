package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fieldNames are the fields of a job in a YAML file.
func fieldNames() []string {
	return []string{
		"name", "description", "schedule", "seconds", "timezone", "cluster", "command", "stdin", "env",
		"working_dir", "user", "linger", "timeout", "retries", "retry_backoff", "overlap", "catch_up", "max_unfinished",
		"start_deadline", "jitter", "on_lost", "on_announced", "notify", "expect_success_within", "done_by", "labels", "paused",
		"only_on", "except_on", "blackouts", "lint_ignore",
	}
}

// ownFields are the fields that belong to one job and have no default.
func ownFields() []string { return []string{"name", "schedule", "command"} }

// reader reads the fields of a YAML file's jobs into drafts. It reports what
// is not of a field's form; what it means is the checker's business.
type reader struct {
	source   *source
	problems []Problem

	// spent counts what was read, room is how much that may be: aliases can
	// make a short file mean a very long one.
	spent, room int

	// lookup resolves the name of a calendar; not ok without a message: what
	// is wrong with it was said already.
	lookup func(name string) (c Calendar, message, hint string, ok bool)
}

func (r *reader) fail(d *draft, at place, field, message, hint string) {
	d.broke(field)
	if len(r.problems) > maxProblems {
		return
	}
	r.problems = append(r.problems, r.source.problem(at, field, message, hint))
}

// readJob reads one job over what d has from the defaults; it is false if
// the file's room is used up.
func (r *reader) readJob(d *draft, n *node) bool {
	for _, e := range n.entries {
		r.readEntry(d, e, fieldNames())
		if r.spent > r.room {
			return false
		}
	}
	return true
}

func (r *reader) readDefaults(d *draft, n *node) {
	for _, e := range n.entries {
		if slices.Contains(ownFields(), e.key) {
			if !e.merged {
				r.fail(d, e.at, e.key, "belongs to one job and cannot be a default", "")
			}
			continue
		}
		r.readEntry(d, e, slices.DeleteFunc(fieldNames(), func(f string) bool { return slices.Contains(ownFields(), f) }))
	}
	// A default that cannot be read is reported once, not for every job, but
	// a job's own value for the field is checked as ever.
	for _, field := range ownFields() {
		delete(d.broken, field)
	}
}

func (r *reader) readEntry(d *draft, e entry, known []string) {
	if !slices.Contains(known, e.key) {
		r.fail(d, e.at, e.key, "unknown field", didYouMean(e.key, known))
		return
	}
	d.forget(e.key)
	switch {
	case e.value == nil: // reported already
		d.broke(e.key)
	case e.value.kind == nothing && e.key == "working_dir" && e.value.text == Home:
		d.places.set(e.key, e.value.at)
		d.job.WorkingDir = Home // YAML's way to write nothing
	case e.value.kind == nothing:
		r.fail(d, e.at, e.key, "has no value", "remove the line, or write one")
	default:
		d.places.set(e.key, e.value.at)
		r.field(d, e.key, e.value)
	}
}

// forget drops what is known of a field from the defaults, but for fields of
// several parts, which a job adds to.
func (d *draft) forget(field string) {
	if !slices.Contains([]string{"env", "labels", "retry_backoff", "catch_up", "lint_ignore"}, field) {
		delete(d.broken, field)
		d.places = slices.DeleteFunc(d.places, func(p fieldPlace) bool { return p.field == field })
	}
}

func (r *reader) field(d *draft, name string, n *node) {
	j := &d.job
	switch name {
	case "name":
		r.text(d, name, n, &j.Name)
	case "description":
		r.text(d, name, n, &j.Description)
	case "schedule":
		r.text(d, name, n, &j.Schedule)
		j.Schedule = strings.TrimRight(j.Schedule, "\n")
		if j.Schedule == "" && !d.broken[name] {
			r.fail(d, n.at, name, "is empty", "leave the field out for a job that runs only when asked to")
		}
	case "seconds":
		r.boolean(d, name, n, &j.Seconds)
	case "timezone":
		r.text(d, name, n, &j.Timezone)
		r.refuseEmpty(d, name, n, j.Timezone)
	case "cluster":
		r.text(d, name, n, &j.Cluster)
	case "command":
		j.Command = r.command(d, name, n)
	case "stdin":
		r.text(d, name, n, &j.Stdin)
	case "env":
		r.texts(d, name, n, &j.Env)
	case "working_dir":
		r.text(d, name, n, &j.WorkingDir)
	case "user":
		r.text(d, name, n, &j.User)
	case "linger":
		r.boolean(d, name, n, &j.Linger)
	case "timeout":
		r.duration(d, name, n, &j.Timeout)
	case "retries":
		r.integer(d, name, n, &j.Retries)
	case "retry_backoff":
		r.backoff(d, name, n)
	case "overlap":
		r.text(d, name, n, (*string)(&j.Overlap))
		r.refuseEmpty(d, name, n, string(j.Overlap))
	case "catch_up":
		r.catchUp(d, name, n)
	case "max_unfinished":
		r.integer(d, name, n, &j.MaxUnfinished)
	case "start_deadline":
		r.duration(d, name, n, &j.StartDeadline)
	case "jitter":
		r.duration(d, name, n, &j.Jitter)
	case "on_lost":
		r.text(d, name, n, (*string)(&j.OnLost))
		r.refuseEmpty(d, name, n, string(j.OnLost))
	case "on_announced":
		r.text(d, name, n, (*string)(&j.OnAnnounced))
		r.refuseEmpty(d, name, n, string(j.OnAnnounced))
	case "notify", "expect_success_within", "done_by":
		r.notices(d, name, n)
	case "labels":
		r.texts(d, name, n, &j.Labels)
	case "paused":
		r.boolean(d, name, n, &j.Paused)
	case "only_on":
		r.calendars(d, name, n, &j.OnlyOn)
	case "except_on":
		r.calendars(d, name, n, &j.ExceptOn)
	case "blackouts":
		r.windows(d, name, n)
	case "lint_ignore":
		r.texts(d, name, n, &d.ignored)
		r.checkIgnored(d, name, n)
	}
}

// refuseEmpty reports "" where filling in the default would pass it over.
func (r *reader) refuseEmpty(d *draft, field string, n *node, value string) {
	if value == "" && !d.broken[field] {
		r.fail(d, n.at, field, "is empty", "leave the field out for the default")
	}
}

// scalar reports whether n is a scalar, and counts it.
func (r *reader) scalar(d *draft, field string, n *node, wanted string) bool {
	if n == nil {
		d.broke(field)
		return false
	}
	r.spent += nodeCost + len(n.text)
	if n.kind != scalar {
		r.fail(d, n.at, field, fmt.Sprintf("expected %s, found %s", wanted, n.found()), "")
		return false
	}
	return true
}

func (r *reader) text(d *draft, field string, n *node, into *string) {
	if r.scalar(d, field, n, "a string") {
		*into = n.text
	}
}

func (r *reader) boolean(d *draft, field string, n *node, into *bool) {
	if !r.scalar(d, field, n, "true or false") {
		return
	}
	switch {
	case n.bare && n.text == "true":
		*into = true
	case n.bare && n.text == "false":
		*into = false
	default:
		hint := "without quotes"
		switch strings.ToLower(n.text) {
		case "yes", "on", "y", "1":
			hint = "write true"
		case "no", "off", "n", "0":
			hint = "write false"
		}
		r.fail(d, n.at, field, fmt.Sprintf("expected true or false, found %q", n.text), hint)
	}
}

func (r *reader) integer(d *draft, field string, n *node, into *int) {
	if !r.scalar(d, field, n, "a whole number") {
		return
	}
	value, err := strconv.Atoi(n.text)
	if err != nil || strings.HasPrefix(n.text, "+") {
		r.fail(d, n.at, field, fmt.Sprintf("expected a whole number, found %q", n.text), "")
		return
	}
	*into = value
}

func (r *reader) number(d *draft, field string, n *node, into *float64) {
	if !r.scalar(d, field, n, "a number") {
		return
	}
	value, err := strconv.ParseFloat(n.text, 64)
	if err != nil || strings.Trim(n.text, "+-.0123456789eE") != "" {
		r.fail(d, n.at, field, fmt.Sprintf("expected a number, found %q", n.text), "")
		return
	}
	*into = value
}

func (r *reader) duration(d *draft, field string, n *node, into *time.Duration) {
	if !r.scalar(d, field, n, `a duration such as "90s"`) {
		return
	}
	value, message, hint := parseDuration(n.text)
	if message != "" {
		r.fail(d, n.at, field, fmt.Sprintf("%s, found %q", message, n.text), hint)
		return
	}
	*into = value
}

// command reads a string for the shell or a list of arguments.
func (r *reader) command(d *draft, field string, n *node) []string {
	if n.kind == scalar {
		r.spent += nodeCost + len(n.text)
		if strings.TrimSpace(n.text) == "" {
			r.fail(d, n.at, field, "is empty", "")
		}
		d.places.set(field+"[2]", n.at)
		return []string{"/bin/sh", "-c", n.text}
	}
	if n.kind != list {
		r.fail(d, n.at, field, "expected a string or a list of arguments, found "+n.found(), "")
		return nil
	}
	command := make([]string, len(n.items))
	for i, item := range n.items {
		path := fmt.Sprintf("%s[%d]", field, i)
		if !r.scalar(d, path, item, "a string") {
			d.broke(field)
			continue
		}
		d.places.set(path, item.at)
		command[i] = item.text
	}
	return command
}

// texts reads a mapping of strings, added to what the defaults have.
func (r *reader) texts(d *draft, field string, n *node, into *map[string]string) {
	for _, e := range r.parts(d, field, n, nil) {
		path := field + "." + e.key
		var value string
		r.text(d, path, e.value, &value)
		if *into == nil {
			*into = map[string]string{}
		}
		(*into)[e.key] = value
	}
}

// parts returns the entries of a field that is a mapping, whose keys must be
// among the known ones if there are any.
func (r *reader) parts(d *draft, field string, n *node, known []string) []entry {
	r.spent += nodeCost
	if n.kind != mapping {
		wanted := "a mapping"
		if known != nil {
			wanted += " with the keys " + strings.Join(known, ", ")
		}
		r.fail(d, n.at, field, fmt.Sprintf("expected %s, found %s", wanted, n.found()), "")
		return nil
	}
	var good []entry
	for _, e := range n.entries {
		path := field + "." + e.key
		delete(d.broken, path)
		switch {
		case known != nil && !slices.Contains(known, e.key):
			r.fail(d, e.at, path, "unknown field", didYouMean(e.key, known))
		case e.value != nil && e.value.kind == nothing:
			r.fail(d, e.at, path, "has no value", `remove it, or write "" for an empty one`)
		default:
			d.places.set(path, e.at)
			if e.value != nil && known != nil {
				d.places.set(path, e.value.at)
			}
			r.spent += nodeCost + len(e.key)
			good = append(good, e)
		}
	}
	return good
}

func (r *reader) backoff(d *draft, field string, n *node) {
	b := &d.job.RetryBackoff
	for _, e := range r.parts(d, field, n, []string{"initial", "factor", "max", "jitter"}) {
		path := field + "." + e.key
		switch e.key {
		case "initial":
			r.duration(d, path, e.value, &b.Initial)
		case "factor":
			r.number(d, path, e.value, &b.Factor)
		case "max":
			r.duration(d, path, e.value, &b.Max)
		case "jitter":
			r.number(d, path, e.value, &b.Jitter)
		}
	}
}

func (r *reader) catchUp(d *draft, field string, n *node) {
	c := &d.job.CatchUp
	for _, e := range r.parts(d, field, n, []string{"policy", "window"}) {
		path := field + "." + e.key
		switch e.key {
		case "policy":
			r.text(d, path, e.value, (*string)(&c.Policy))
			r.refuseEmpty(d, path, e.value, string(c.Policy))
		case "window":
			r.duration(d, path, e.value, &c.Window)
		}
	}
}

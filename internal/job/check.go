package job

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/schedule"
)

// Validate returns what is wrong with a job that comes from a record, without
// places; nothing if it is good. Which clusters there are is not its
// business: a record may name one that is yet to come.
func (j Job) Validate() []Problem {
	return newChecker(nil).problems(j)
}

// problems is check without places.
func (c *checker) problems(j Job) []Problem {
	var ps []Problem
	for _, f := range c.check(j) {
		if f.offset > 0 {
			f.message = fmt.Sprintf("%s at character %d", f.message, f.offset+1)
		}
		ps = append(ps, Problem{Field: f.field, Message: f.message, Hint: f.hint})
	}
	return ps
}

// finding is one thing wrong with a field of a job; offset and length, in
// characters, say where in the field's text.
type finding struct {
	field   string
	offset  int
	length  int // zero: to the field's end
	message string
	hint    string
}

// checker checks jobs against each other's surroundings: the clusters there
// are (any, if nil) and what earlier jobs had in common with them.
type checker struct {
	clusters  []string
	zones     map[string]zoned
	schedules map[expression]*schedule.Schedule
	calendars Calendars
	findings  []finding
}

type zoned struct {
	location *time.Location
	message  string
	hint     string
}

func newChecker(clusters []string) *checker {
	return &checker{clusters: clusters, zones: map[string]zoned{}, schedules: map[expression]*schedule.Schedule{}}
}

// check returns everything wrong with j.
func (c *checker) check(j Job) []finding {
	c.findings = nil
	c.name(j.Name)
	c.schedule(j)
	c.calendarsOf(j)
	c.cluster(j.Cluster)
	c.command(j)
	c.env(j.Env)
	c.labels(j.Labels)
	c.times(j)
	c.retries(j)
	c.words(j)
	c.size(j)
	return c.findings
}

func (c *checker) fail(field, message, hint string) {
	c.findings = append(c.findings, finding{field: field, message: message, hint: hint})
}

// name: parts of [A-Za-z0-9._-] with slashes between them. A name is a record
// key, a path in URLs, a word in a shell and a value in metrics, and should
// need no quoting in any of them, nor be taken for a flag.
func (c *checker) name(name string) {
	const hint = "letters, digits and . _ - in parts separated by /, each part beginning with a letter, a digit or _"
	switch {
	case name == "":
		c.fail("name", "is missing", "")
	case len(name) > MaxName:
		c.fail("name", fmt.Sprintf("is %d characters long, more than %d", len(name), MaxName), "")
	default:
		for part := range strings.SplitSeq(name, "/") {
			if !legal(part, "._-") || strings.ContainsAny(part[:1], ".-") {
				c.fail("name", fmt.Sprintf("%q is not a name for a job", name), hint)
				return
			}
		}
	}
}

// legal reports whether text is not empty and of ASCII letters, digits and
// the marks given.
func legal(text, marks string) bool {
	for i := range len(text) {
		b := text[i]
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && strings.IndexByte(marks, b) < 0 {
			return false
		}
	}
	return text != ""
}

func (c *checker) schedule(j Job) {
	z := c.zone(j.Timezone)
	if z.message != "" {
		c.fail("timezone", z.message, z.hint)
	}
	if j.Schedule == "" {
		return
	}
	_, err := c.compile(j, z.location)
	if err == nil {
		return
	}
	found := finding{field: "schedule", message: err.Error()}
	if wrong, ok := errors.AsType[*schedule.Error](err); ok {
		at := min(max(wrong.Pos, 0), len(j.Schedule))
		found.offset = utf8.RuneCountInString(j.Schedule[:at])
		found.length = utf8.RuneCountInString(j.Schedule[at:min(at+max(wrong.Len, 0), len(j.Schedule))])
		found.message, found.hint = wrong.Msg, wrong.Hint
	}
	c.findings = append(c.findings, found)
}

// zone loads a zone once, or says what is wrong with its name; its location
// is UTC then.
func (c *checker) zone(name string) zoned {
	if name == "" {
		name = Default().Timezone
	}
	z, known := c.zones[name]
	if !known {
		z = loadZone(name)
		c.zones[name] = z
	}
	return z
}

func (c *checker) cluster(name string) {
	if name == "" {
		c.fail("cluster", "is missing", "")
		return
	}
	if c.clusters != nil && !slices.Contains(c.clusters, name) {
		c.fail("cluster", fmt.Sprintf("there is no cluster %q", name), didYouMean(name, c.clusters))
		return
	}
	if message, hint := checkClusterName(name, nil); message != "" {
		c.fail("cluster", message, hint)
	}
}

// checkClusterName says what is wrong with the name of a cluster beside
// others: it becomes part of topic names.
func checkClusterName(name string, others []string) (message, hint string) {
	switch {
	case !legal(name, "._-"):
		return fmt.Sprintf("%q is not a name for a cluster", name), "letters, digits and . _ - only, as in the names of Kafka topics"
	case len(name) > MaxCluster:
		return fmt.Sprintf("is %d characters long, more than %d", len(name), MaxCluster), ""
	case slices.Contains(others, name):
		return fmt.Sprintf("%q is named twice", name), ""
	}
	for _, other := range others {
		if strings.ReplaceAll(other, ".", "_") == strings.ReplaceAll(name, ".", "_") {
			return fmt.Sprintf("%q collides with %q", name, other), "Kafka refuses topics that differ in . and _ alone"
		}
	}
	return "", ""
}

func (c *checker) command(j Job) {
	if len(j.Command) == 0 {
		c.fail("command", "is missing", `a string for /bin/sh, or a list: ["sleep", "60"]`)
	} else if strings.TrimSpace(j.Command[0]) == "" {
		c.fail("command[0]", "is empty", "the first argument is the program to run")
	}
	c.number("command", "arguments", len(j.Command), MaxArgs)
	for i, arg := range j.Command {
		if strings.Contains(arg, "\x00") {
			c.fail(fmt.Sprintf("command[%d]", i), "holds a NUL character", "")
		}
	}
	if j.WorkingDir != "" && j.WorkingDir != Home && (j.WorkingDir[0] != '/' || strings.Contains(j.WorkingDir, "\x00")) {
		c.fail("working_dir", fmt.Sprintf("%q is not an absolute path", j.WorkingDir), "it must begin with /, since workers on several hosts run the job, or be ~ for the user's home")
	}
	if strings.ContainsAny(j.User, " \t\r\n\x00") {
		c.fail("user", fmt.Sprintf("%q is not the name of a user", j.User), "")
	}
}

// number checks how many a job has of what it may have several of.
func (c *checker) number(field, what string, n, most int) {
	if n > most {
		c.fail(field, fmt.Sprintf("has %d %s, more than %d", n, what, most), "keep them in a file that the command reads")
	}
}

func (c *checker) env(env map[string]string) {
	c.number("env", "variables", len(env), MaxEnv)
	for _, name := range sortedKeys(env) {
		if message, hint := checkVariable(name, env[name]); message != "" {
			c.fail("env."+name, message, hint)
		}
	}
}

// CheckEnv returns what is wrong with an environment.
func CheckEnv(env map[string]string) []Problem {
	c := newChecker(nil)
	c.env(env)
	var ps []Problem
	for _, f := range c.findings {
		ps = append(ps, Problem{Field: f.field, Message: f.message, Hint: f.hint})
	}
	return ps
}

// checkVariable says what is wrong with a variable of the environment.
func checkVariable(name, value string) (message, hint string) {
	switch {
	case !legal(name, "_") || name[0] >= '0' && name[0] <= '9':
		return fmt.Sprintf("%q is not the name of an environment variable", name), "letters, digits and _, not beginning with a digit"
	case strings.HasPrefix(name, "BELFRY_"):
		return "names that begin with BELFRY_ are set by Belfry", "choose another name"
	case strings.Contains(value, "\x00"):
		return "holds a NUL character", ""
	}
	return "", ""
}

func (c *checker) labels(labels map[string]string) {
	if len(labels) > MaxLabels {
		c.fail("labels", fmt.Sprintf("has %d labels, more than %d", len(labels), MaxLabels), "")
	}
	for _, key := range sortedKeys(labels) {
		field := "labels." + key
		switch value := labels[key]; {
		case !legal(key, "._-/") || len(key) > MaxLabel:
			c.fail(field, fmt.Sprintf("%q is not a label", key), fmt.Sprintf("letters, digits and . _ - /, at most %d", MaxLabel))
		case len(value) > MaxLabelValue || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7F }):
			c.fail(field, "has a value that is too long or not one line", fmt.Sprintf("at most %d bytes; longer text belongs into description", MaxLabelValue))
		}
	}
}

func (c *checker) times(j Job) {
	for _, t := range []struct {
		field string
		value time.Duration
	}{
		{"timeout", j.Timeout},
		{"start_deadline", j.StartDeadline},
		{"jitter", j.Jitter},
		{"retry_backoff.initial", j.RetryBackoff.Initial},
		{"retry_backoff.max", j.RetryBackoff.Max},
		{"catch_up.window", j.CatchUp.Window},
	} {
		switch {
		case t.value < 0:
			c.fail(t.field, "is negative", "")
		case t.value > MaxDuration:
			c.fail(t.field, "is longer than "+formatDuration(MaxDuration), "")
		case t.value%time.Millisecond != 0:
			c.fail(t.field, "is finer than a millisecond", "")
		}
	}
}

func (c *checker) retries(j Job) {
	if j.Retries < 0 || j.Retries > MaxRetries {
		c.fail("retries", fmt.Sprintf("%d is not between 0 and %d", j.Retries, MaxRetries), "")
	}
	if j.MaxUnfinished < 0 || j.MaxUnfinished > MaxUnfinished {
		c.fail("max_unfinished", fmt.Sprintf("%d is not between 1 and %d", j.MaxUnfinished, MaxUnfinished), "leave the field out for the most")
	}
	b := j.RetryBackoff
	if !(b.Factor >= 1 && b.Factor <= MaxFactor) {
		c.fail("retry_backoff.factor", fmt.Sprintf("%v is not between 1 and %d", b.Factor, MaxFactor), "1 waits the same each time, 2 twice as long each time")
	}
	if !(b.Jitter >= 0 && b.Jitter <= 1) || math.Signbit(b.Jitter) {
		c.fail("retry_backoff.jitter", fmt.Sprintf("%v is not between 0 and 1", b.Jitter), "0.2 spreads the wait by 20 %")
	}
	if b.Max < b.Initial {
		c.fail("retry_backoff.max", fmt.Sprintf("%s is less than initial, %s", formatDuration(b.Max), formatDuration(b.Initial)), "set both")
	}
}

// words checks the fields that take one of a few words.
func (c *checker) words(j Job) {
	for _, w := range []struct {
		field, value string
		words        []string
	}{
		{"overlap", string(j.Overlap), []string{string(OverlapAllow), string(OverlapSkip), string(OverlapQueue), string(OverlapReplace)}},
		{"catch_up.policy", string(j.CatchUp.Policy), []string{string(CatchUpNone), string(CatchUpLast), string(CatchUpAll)}},
		{"on_lost", string(j.OnLost), []string{string(LostRetry), string(LostFail)}},
		{"on_announced", string(cmp.Or(j.OnAnnounced, LostFail)), []string{string(LostRetry), string(LostFail)}},
	} {
		if !slices.Contains(w.words, w.value) {
			all := strings.Join(w.words, ", ")
			hint := ""
			if near := nearest(w.value, w.words); near != "" {
				hint = "did you mean " + near + "?"
			}
			c.fail(w.field, fmt.Sprintf("expected one of %s, found %q", all, w.value), hint)
		}
	}
	if j.CatchUp.Policy != CatchUpNone && j.CatchUp.Window == 0 {
		c.fail("catch_up.window", "is zero, so that nothing is ever caught up", "give a window, or write policy: none")
	}
}

// size blames the largest field of a job whose record is too long.
func (c *checker) size(j Job) {
	if plainlySmall(j) {
		return
	}
	const (
		rest     = 1024 // all fields that have a fixed or limited length
		instants = `"name":,"from":"2026-12-24T18:00:00Z","to":"2026-12-27T06:00:00Z","weekly":,"timezone":`
	)
	worst, most, total := "", 0, rest
	add := func(field string, texts ...string) {
		size := 0
		for _, text := range texts {
			size += encodedSize(text)
		}
		total += size
		if size > most {
			worst, most = field, size
		}
	}
	add("name", j.Name)
	add("description", j.Description)
	add("schedule", j.Schedule)
	add("timezone", j.Timezone)
	add("cluster", j.Cluster)
	add("stdin", j.Stdin)
	add("working_dir", j.WorkingDir)
	add("user", j.User)
	add("source", j.Source)
	for i, arg := range j.Command {
		add(fmt.Sprintf("command[%d]", i), arg)
	}
	for _, list := range j.calendars() {
		for i, cal := range list.all {
			size := cal.size()
			total += size
			if size > most {
				worst, most = fmt.Sprintf("%s[%d]", list.field, i), size
			}
		}
	}
	for i, b := range j.Blackouts {
		add(fmt.Sprintf("blackouts[%d]", i), b.Name, b.Weekly, b.Timezone, instants)
	}
	if unknown, err := json.Marshal(j.Unknown); err == nil && len(j.Unknown) > 0 {
		add("", string(unknown))
	}
	for _, name := range sortedKeys(j.Env) {
		add("env."+name, name, j.Env[name])
	}
	for _, key := range sortedKeys(j.Labels) {
		add("labels."+key, key, j.Labels[key])
	}
	if total > MaxRecord {
		c.fail(worst, fmt.Sprintf("takes %d KiB of the job's record, which may be %d KiB in all", (most+1023)>>10, MaxRecord>>10),
			"keep it in a file that the command reads")
	}
}

// plainlySmall reports whether j fits its record even if every byte of it had
// to be escaped: nearly all jobs do, and a scheduler that starts checks each.
func plainlySmall(j Job) bool {
	const around, escaped = 8, 6 // at the most, in bytes
	if len(j.OnlyOn)+len(j.ExceptOn)+len(j.Blackouts)+len(j.Unknown) > 0 {
		return false
	}
	total := 9*around + len(j.Name) + len(j.Description) + len(j.Schedule) + len(j.Timezone) + len(j.Cluster) + len(j.Stdin) +
		len(j.WorkingDir) + len(j.User) + len(j.Source)
	for _, arg := range j.Command {
		total += around + len(arg)
	}
	for name, value := range j.Env {
		total += around + len(name) + len(value)
	}
	for key, value := range j.Labels {
		total += around + len(key) + len(value)
	}
	return escaped*total < MaxRecord/2
}

// encodedSize is how many bytes text takes in a record, with its quotes and
// what separates it from the next.
func encodedSize(text string) int {
	const around = 4
	if len(text) > 6*MaxRecord {
		return len(text)
	}
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return 6*len(text) + around
	}
	return len(quoted) + around
}

package foreign

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/belfry-cron/belfry/internal/job"
)

// YAML is the table as a job file. It parses without problems, to the jobs of
// the table.
func (t Table) YAML() []byte {
	w := &writer{}
	w.header(t)
	jobs := t.Jobs()
	if len(jobs) == 0 {
		w.line(0, "jobs: []")
	} else {
		w.line(0, "jobs:")
	}
	for _, e := range t.Entries {
		w.entry(e)
	}
	return []byte(w.b.String())
}

type writer struct{ b strings.Builder }

func (w *writer) line(indent int, text string) {
	w.b.WriteString(strings.Repeat(" ", indent) + text + "\n")
}

// comment writes text as comments, without what may not stand in a file.
func (w *writer) comment(indent int, text string) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || r == 0xFEFF || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, text)
	w.line(indent, strings.TrimRight("# "+text, " "))
}

// header says what all of the file has in common.
func (w *writer) header(t Table) {
	w.comment(0, "Written by \"belfry import\". Comments say where each job comes from, and what of it")
	w.comment(0, "has no counterpart here. Look at \"belfry next FILE\" and \"belfry plan -f FILE\", and")
	w.comment(0, "switch the originals off before you apply it: else both run.")
	var host, late bool
	for _, e := range t.Entries {
		host = host || e.Job != nil && e.Job.Timezone == t.options.Zone
		late = late || e.Job != nil && e.Job.CatchUp == job.Default().CatchUp
	}
	if late {
		w.comment(0, "A due time that is missed is caught up within an hour, the last one alone; cron")
		w.comment(0, "leaves it out, as catch_up: {policy: none} does.")
	}
	if host {
		w.comment(0, "Times without a zone of their own are read in "+t.options.Zone+".")
	}
	w.line(0, "")
}

func (w *writer) entry(e Entry) {
	w.line(0, "")
	w.comment(2, e.From)
	for _, k := range e.Kept {
		w.comment(2, "| "+k)
	}
	for _, r := range e.Remarks {
		w.comment(2, r)
	}
	if e.Job != nil {
		w.job(*e.Job)
	}
}

// job writes the fields that differ from the defaults.
func (w *writer) job(j job.Job) {
	d := job.Default()
	w.line(2, "- name: "+plain(j.Name))
	w.text("schedule", j.Schedule)
	if j.Timezone != d.Timezone {
		w.line(4, "timezone: "+plain(j.Timezone))
	}
	w.word("cluster", j.Cluster, "")
	w.word("paused", strconv.FormatBool(j.Paused), "false")
	w.text("user", j.User)
	w.command(j.Command)
	w.text("stdin", j.Stdin)
	w.texts("env", j.Env)
	if j.WorkingDir == job.Home {
		w.line(4, "working_dir: "+job.Home) // bare, as people write it
	} else {
		w.text("working_dir", j.WorkingDir)
	}
	w.word("linger", strconv.FormatBool(j.Linger), "false")
	w.duration("timeout", j.Timeout)
	w.word("retries", strconv.Itoa(j.Retries), "0")
	if j.RetryBackoff != d.RetryBackoff {
		w.line(4, "retry_backoff: {max: "+duration(j.RetryBackoff.Max)+"}")
	}
	w.word("overlap", string(j.Overlap), string(d.Overlap))
	if !reflect.DeepEqual(j.CatchUp, d.CatchUp) {
		w.line(4, fmt.Sprintf("catch_up: {policy: %s, window: %s}", j.CatchUp.Policy, duration(j.CatchUp.Window)))
	}
	w.duration("start_deadline", j.StartDeadline)
	w.duration("jitter", j.Jitter)
	w.texts("labels", j.Labels)
}

// word writes a field whose value needs no quotes, unless it is the default.
func (w *writer) word(field, value, def string) {
	if value != def {
		w.line(4, field+": "+value)
	}
}

func (w *writer) duration(field string, d time.Duration) {
	if d != 0 {
		w.line(4, field+": "+duration(d))
	}
}

func (w *writer) text(field, value string) {
	if value == "" {
		return
	}
	if strings.Contains(value, "\n") && blockable(value) {
		w.block(4, field, value)
		return
	}
	w.line(4, field+": "+plain(value))
}

func (w *writer) texts(field string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	w.line(4, field+":")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		w.line(6, quoteKey(name)+": "+quote(values[name]))
	}
}

// command writes one for /bin/sh as a string, any other as a list.
func (w *writer) command(command []string) {
	if len(command) == 3 && command[0] == "/bin/sh" && command[1] == "-c" && strings.TrimSpace(command[2]) != "" {
		if text := command[2]; strings.Contains(text, "\n") && blockable(text) {
			w.block(4, "command", text)
		} else {
			w.line(4, "command: "+plain(text))
		}
		return
	}
	single := true
	for _, arg := range command {
		single = single && !strings.Contains(arg, "\n")
	}
	if single {
		quoted := make([]string, len(command))
		for i, arg := range command {
			quoted[i] = quote(arg)
		}
		w.line(4, "command: ["+strings.Join(quoted, ", ")+"]")
		return
	}
	w.line(4, "command:")
	for _, arg := range command {
		if strings.Contains(arg, "\n") && blockable(arg) {
			w.block(6, "-", arg)
			continue
		}
		w.line(6, "- "+quote(arg))
	}
}

// block writes a text of several lines as it is.
func (w *writer) block(indent int, head, text string) {
	mark := " |-"
	if strings.HasSuffix(text, "\n") {
		mark = " |"
		text = text[:len(text)-1]
	}
	if head != "-" {
		mark = ":" + mark
	}
	w.line(indent, head+mark)
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			w.b.WriteByte('\n')
			continue
		}
		w.line(indent+2, line)
	}
}

// blockable tells whether a text can stand as it is: nothing in it depends
// on what an editor, or a parser, does with blanks.
func blockable(text string) bool {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] == "" || lines[len(lines)-1] == "" || strings.ContainsAny(lines[0][:1], " \t") {
		return false
	}
	for _, line := range lines {
		if strings.TrimRight(line, " \t") != line || strings.ContainsFunc(line, mustEscape) || strings.HasPrefix(line, "\t") {
			return false
		}
	}
	return true
}

func mustEscape(r rune) bool {
	return unicode.IsControl(r) && r != '\t' || r == 0xFEFF || r == 0x2028 || r == 0x2029
}

// plain leaves the quotes out where nobody could miss them.
func plain(text string) string {
	for i := range len(text) {
		c := text[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/' && len(text) > 1
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' && (c != ' ' || i == len(text)-1)) {
			return quote(text)
		}
	}
	switch strings.ToLower(text) {
	case "", "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return quote(text)
	}
	return text
}

func quoteKey(key string) string {
	if quoted := plain(key); quoted == key && !strings.Contains(key, " ") {
		return key
	}
	return quote(key)
}

// quote writes a text in double quotes.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString("\\" + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case mustEscape(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// duration writes whole minutes, hours and days as people do.
func duration(d time.Duration) string {
	switch {
	case d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}

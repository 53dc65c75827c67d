package job

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// crontab is a user's crontab, as crontab(5) describes it: five fields or an
// @ form, and a command; lines NAME=value that hold for the lines below them.
//
//	CRON_TZ   the time zone of the schedules below (UTC until one is set)
//	SHELL     runs the commands instead of /bin/sh
//	HOME      is also the directory they run in, the user's home without it
//	MAILTO    and MAILFROM are taken and mean nothing: output goes to a topic
//	others    TZ among them are for the commands alone
//
// Comments "# name: …" and "# cluster: …" right above a job, with no blank
// line between, name it and its cluster; "# lint_ignore: CODE REASON" silences
// a lint for it. A job without a name has one made of
// the file's name and its command. The sixth field of a system's crontab, the
// user, is not known here.
type crontab struct{ source *source }

// crontabReader is where reading stands.
type crontabReader struct {
	p      *parse
	source *source
	base   *draft // what the lines so far mean for the next job
	shell  string

	// remarks are the comments above the current line that mean something;
	// those that silence lints have the code in their key.
	remarks map[string]remark
	slugs   map[string]int
}

type remark struct {
	text string
	at   place
}

func (c *crontab) size() int { return len(c.source.lines) }

// read gives the crontab's jobs to p.
func (c *crontab) read(p *parse) {
	r := &crontabReader{
		p: p, source: c.source, shell: "/bin/sh",
		base: newDraft(c.source, place{line: 1, column: 1}), slugs: map[string]int{},
	}
	r.base.job.Cluster, r.base.job.WorkingDir = p.set.Clusters[0], Home
	for i, line := range c.source.lines {
		if r.line(i+1, line); p.full() {
			return
		}
	}
}

func (r *crontabReader) line(number int, line string) {
	text := strings.TrimLeft(line, " \t")
	at := place{line: number, column: 1 + len(line) - len(text), verbatim: true}
	switch {
	case strings.HasPrefix(text, "#"):
		r.comment(at, text)
		return
	case strings.TrimSpace(text) == "":
	default:
		if name, value, ok := CutSetting(text); ok {
			r.setting(at, name, value)
		} else {
			r.job(at, strings.TrimRight(text, " \t"))
		}
	}
	r.remarks = nil
}

// comment takes "# name: x", "# cluster: x" and "# lint_ignore: x y"; all else
// is for people.
func (r *crontabReader) comment(at place, text string) {
	key, value, found := strings.Cut(strings.TrimLeft(text, "# \t"), ":")
	if !found || !slices.Contains([]string{"name", "cluster", "lint_ignore"}, key) {
		return
	}
	start := strings.Index(text, key+":") + len(key) + 1
	value = strings.TrimSpace(value)
	start += strings.Index(text[start:], value)
	at.column += utf8.RuneCountInString(text[:start])
	if key == "lint_ignore" {
		code, reason := CutWord(value)
		if message, hint := checkIgnored(code, reason); message != "" {
			r.fail(at, key, message, hint)
			return
		}
		key, value = "lint_ignore "+code, reason
	}
	if first, twice := r.remarks[key]; twice {
		r.fail(at, strings.Fields(key)[0], "a second "+key+" for one job", "the first is at "+first.at.String()+"; end a job that is commented out with a blank line")
		return
	}
	if r.remarks == nil {
		r.remarks = map[string]remark{}
	}
	r.remarks[key] = remark{text: value, at: at}
}

func (r *crontabReader) fail(at place, field, message, hint string) {
	r.p.fail(r.source.problem(at, field, message, hint))
}

// CutSetting splits a line NAME=value, with or without quotes around either
// and blanks around the sign. The value keeps its quotes; text is not empty. Any
// other line is a job's.
func CutSetting(text string) (name, value string, ok bool) {
	if text[0] == '"' || text[0] == '\'' {
		end := strings.IndexByte(text[1:], text[0])
		if end < 0 {
			return "", "", false
		}
		name, text = text[1:1+end], text[2+end:]
	} else {
		end := strings.IndexAny(text, "= \t")
		if end < 0 {
			return "", "", false
		}
		name, text = text[:end], text[end:]
	}
	value, ok = strings.CutPrefix(strings.TrimLeft(text, " \t"), "=")
	return name, strings.Trim(value, " \t"), ok
}

// setting changes what holds for the jobs below.
func (r *crontabReader) setting(at place, name, value string) {
	if message, hint := checkVariable(name, ""); message != "" {
		r.fail(at, "env."+name, message, hint)
		return
	}
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		end := strings.IndexByte(value[1:], value[0])
		if end < 0 || end != len(value)-2 {
			r.fail(at, "env."+name, "the quotes of the value do not match", "a value in quotes ends with the line")
			return
		}
		value = value[1 : 1+end]
	}
	j := &r.base.job
	switch name {
	case "MAILTO", "MAILFROM":
		return
	case "CRON_TZ":
		if z := r.p.checker.zone(value); z.message != "" {
			r.fail(at, "timezone", z.message, z.hint)
			return
		}
		j.Timezone = value
		if value == "" {
			j.Timezone = Default().Timezone
		}
		return
	case "SHELL":
		if value == "" || value[0] != '/' {
			r.fail(at, "env.SHELL", fmt.Sprintf("%q is not the path of a shell", value), "it must begin with /")
			return
		}
		r.shell = value
	case "HOME":
		j.WorkingDir = value
		r.base.places.set("working_dir", place{line: at.line, column: at.column})
	}
	j.Env = maps.Clone(j.Env)
	if j.Env == nil {
		j.Env = map[string]string{}
	}
	j.Env[name] = value
	r.base.places.set("env."+name, place{line: at.line, column: at.column})
}

// job reads a line with a schedule and a command.
func (r *crontabReader) job(at place, text string) {
	d := r.base.child(at)
	fields := 5
	if text[0] == '@' {
		fields = 1
		if word, _ := CutWord(text); word == "@every" || word == "@at" {
			fields = 2
		}
	}
	end, rest := 0, text
	for range fields {
		var word string
		if word, rest = CutWord(rest); word == "" {
			r.fail(at, "schedule", "the line is neither a job nor a setting",
				"a job is five fields and a command, a setting NAME=value")
			return
		}
		end = len(text) - len(rest)
	}
	d.job.Schedule = strings.TrimRight(text[:end], " \t")
	d.places.set("schedule", at.part(0, utf8.RuneCountInString(d.job.Schedule)))
	behind := at
	behind.column += utf8.RuneCountInString(text[:end])
	if rest == "" {
		r.fail(behind, "command", "is missing", "")
		return
	}
	if sixth, _ := CutWord(rest); fields == 5 && (sixth == "*" || strings.HasPrefix(sixth, "*/")) {
		r.fail(behind, "schedule", "a sixth field", "a crontab has five; seconds need a YAML file with seconds: true")
		return
	}
	command, stdin := CutStdin(rest)
	d.job.Command, d.job.Stdin = []string{r.shell, "-c", command}, stdin
	d.places.set("command", behind)
	d.places.set("stdin", behind)
	d.job.Name = r.slug(command, stdin)
	d.places.set("name", behind)
	if name, ok := r.remarks["name"]; ok {
		d.job.Name = name.text
		d.places.set("name", name.at)
	}
	if cluster, ok := r.remarks["cluster"]; ok {
		d.job.Cluster = cluster.text
		d.places.set("cluster", cluster.at)
	}
	for key, remark := range r.remarks {
		if code, found := strings.CutPrefix(key, "lint_ignore "); found {
			if d.ignored == nil {
				d.ignored = map[string]string{}
			}
			d.ignored[code] = remark.text
			d.places.set("lint_ignore."+code, remark.at)
		}
	}
	r.p.add(d)
}

// CutWord splits off the first word and the blanks behind it.
func CutWord(text string) (word, rest string) {
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		return text, ""
	}
	return text[:end], strings.TrimLeft(text[end:], " \t")
}

// CutStdin splits a crontab's command as cron does: the first % that no
// backslash protects ends it, what follows is its input, where every further
// % is a line break and the last line is ended. A backslash before % goes.
func CutStdin(text string) (command, stdin string) {
	var b strings.Builder
	protected := false
	for i := range len(text) {
		switch ch := text[i]; {
		case ch == '%' && !protected:
			return b.String(), stdinOf(text[i+1:])
		case ch == '%':
			cut := b.String()
			b.Reset()
			b.WriteString(cut[:len(cut)-1] + "%")
			protected = false
		default:
			b.WriteByte(ch)
			protected = ch == '\\' && !protected
		}
	}
	return b.String(), ""
}

// stdinOf is the input written behind the first %. Unlike in the command, a
// backslash before a backslash does not keep that from protecting a %.
func stdinOf(text string) string {
	const mark = "\x00" // no file holds one
	s := strings.ReplaceAll(text, `\%`, mark)
	s = strings.ReplaceAll(strings.ReplaceAll(s, "%", "\n"), mark, "%")
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

// slug makes a name of the file's name and the command:
// "legacy/backup.sh-all-3f2a1c". The hash keeps apart what looks alike and
// makes the name independent of the other lines; only of equal commands do
// the later ones get a number.
func (r *crontabReader) slug(command, stdin string) string {
	const longest = 40
	file := path.Base(r.source.name)
	file = words(file[:strings.LastIndexByte(file, '.')], longest)
	if file == "" {
		file = "crontab"
	}
	program, args := CutWord(command)
	readable := words(path.Base(program)+" "+args, longest)
	if readable == "" {
		readable = "job"
	}
	sum := sha256.Sum256([]byte(command + "\x00" + stdin))
	name := file + "/" + readable + "-" + hex.EncodeToString(sum[:3])
	r.slugs[name]++
	if n := r.slugs[name]; n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

// words keeps the letters, digits, dots and underscores of text, with a dash
// for whatever stands between, cut to the given length.
func words(text string, longest int) string {
	var b strings.Builder
	gap := false
	for i := range len(text) {
		switch {
		case !legal(text[i:i+1], "._"):
			gap = true
			continue
		case gap && b.Len() > 0:
			b.WriteByte('-')
		}
		gap = false
		b.WriteByte(text[i])
		if b.Len() >= longest {
			break
		}
	}
	return strings.Trim(b.String(), "-.")
}

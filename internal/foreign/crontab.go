package foreign

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
)

// crontab reads a table as crontab(5) describes it.
func (r *reader) crontab(f File) {
	t := newTable(r, f)
	for i, line := range lines(f.Data) {
		t.number = i + 1
		t.line(line)
	}
}

// table is where reading a table of cron or anacron stands.
type table struct {
	r      *reader
	file   File
	number int

	// base is what the lines so far mean for the next job.
	base    job.Job
	shell   string
	remarks []string // for the next job alone
	kept    []string // comments right above
}

func newTable(r *reader, f File) *table {
	t := &table{r: r, file: f, base: r.blank(), shell: "/bin/sh"}
	t.base.User = f.User
	if f.Kind == UserTable || f.Kind == SystemTable {
		t.base.WorkingDir = job.Home // where cron starts commands
	}
	return t
}

func (t *table) at() string { return at(t.file.Name, t.number) }

func (t *table) line(line string) {
	text := strings.TrimLeft(line, " \t")
	switch {
	case strings.HasPrefix(text, "#"):
		t.kept = append(t.kept, strings.TrimSpace(strings.TrimLeft(text, "#")))
		return
	case strings.TrimSpace(text) == "":
	default:
		if name, value, ok := cutSetting(text); ok {
			t.setting(name, value)
		} else {
			t.job(strings.TrimRight(text, " \t"))
		}
	}
	t.kept = nil
}

// setting takes a line NAME=value.
func (t *table) setting(name, value string) {
	switch name {
	case "MAILTO", "MAILFROM":
		why := "Belfry sends no mail; \"belfry logs\" shows what a run wrote"
		if value == "" {
			why = "the output of runs is kept for \"belfry logs\", and never mailed"
		}
		t.r.remark(t.at(), fmt.Sprintf("%s=%s: %s.", name, value, why))
		return
	case "CRON_TZ":
		t.base.Timezone = value
		if value == "" {
			t.base.Timezone = t.r.options.Zone
		}
		return
	case "RANDOM_DELAY":
		minutes, err := strconv.Atoi(value)
		if err != nil || minutes < 0 {
			t.r.remark(t.at(), fmt.Sprintf("RANDOM_DELAY=%s: not a number of minutes.", value))
			return
		}
		t.base.Jitter = time.Duration(minutes) * time.Minute
		return
	case "SHELL":
		if strings.HasPrefix(value, "/") {
			t.shell = value
		}
	case "HOME":
		t.base.WorkingDir = value
	}
	probe := job.Job{Name: "x", Command: []string{"x"}, Cluster: "x", Env: map[string]string{name: value}}
	for _, p := range probe.WithDefaults().Validate() {
		t.r.remark(t.at(), fmt.Sprintf("%s=%s: left out: %s", name, value, p))
		return
	}
	t.base.Env = maps.Clone(t.base.Env)
	if t.base.Env == nil {
		t.base.Env = map[string]string{}
	}
	t.base.Env[name] = value
}

// job takes a line with a schedule, a user in a system's table, and a command.
func (t *table) job(line string) {
	t.remarks = nil
	text, fields := line, 5
	if strings.HasPrefix(text, "-") {
		text = text[1:]
		t.remarks = append(t.remarks, "The - in front kept the start out of the system log.")
	}
	if strings.HasPrefix(text, "@") {
		fields = 1
		if first, _ := job.CutWord(text); first == "@every" || first == "@at" {
			fields = 2
		}
	}
	words := make([]string, 0, fields)
	rest := text
	for len(words) < fields && rest != "" {
		var w string
		w, rest = job.CutWord(rest)
		words = append(words, w)
	}
	j := t.base
	if t.file.Kind == SystemTable {
		j.User, rest = job.CutWord(rest)
	}
	if len(words) < fields || rest == "" {
		t.r.remark(t.at(), "Left out: "+line, "  the line is neither a job nor a setting")
		return
	}
	if words[0] == "@reboot" {
		t.r.remark(t.at(), "Left out: "+line,
			"  @reboot has no due time: a cluster does not reboot. Let the host's service manager",
			"  start it (a systemd unit with WantedBy=multi-user.target), or run it by \"belfry run JOB\".")
		return
	}
	rest = t.flags(&j, rest)
	expression, remarks := cronExpression(words)
	t.remarks = append(t.remarks, remarks...)
	j.Schedule = expression
	command, stdin := job.CutStdin(rest)
	if first, _ := job.CutWord(command); t.file.Kind == UserTable && systemUser(first) {
		t.remarks = append(t.remarks, fmt.Sprintf(
			"The command begins with a user's name, %s: a system's table must be read with --as system.", first))
	}
	if strings.Contains(command, `\\`) {
		t.remarks = append(t.remarks, `Both backslashes of \\ reach the shell, as in cronie; Debian's cron makes one of them.`)
	}
	j.Command, j.Stdin = []string{t.shell, "-c", command}, stdin
	if word := job.Background(j.Command); word != "" {
		j.Linger = true
		t.remarks = append(t.remarks, fmt.Sprintf("%s: the process in the background outlives the command, as under cron (linger: true).", word))
	}
	if t.starts(j, command) {
		return
	}
	j.Name = t.name(command)
	t.r.add(Entry{From: t.at(), Job: &j, Kept: people(t.kept), Remarks: t.remarks}, line)
}

// flags cuts off what OpenBSD's cron takes in front of a command.
func (t *table) flags(j *job.Job, rest string) string {
	for {
		flag, behind := job.CutWord(rest)
		letters, found := strings.CutPrefix(flag, "-")
		if !found || letters == "" || strings.Trim(letters, "nqs") != "" || behind == "" {
			return rest
		}
		rest = behind
		for _, letter := range letters {
			switch letter {
			case 's':
				j.Overlap = job.OverlapSkip
				t.remarks = append(t.remarks, "-s: one run at a time, as overlap: skip.")
			case 'n':
				t.remarks = append(t.remarks, "-n: no mail of a run that succeeds; Belfry sends none.")
			case 'q':
				t.remarks = append(t.remarks, "-q kept the start out of the system log.")
			}
		}
	}
}

// name is made of the file's name and the command.
func (t *table) name(command string) string {
	owner := word(base(t.file.Name))
	if t.file.Kind == UserTable && t.file.User != "" {
		owner = word(t.file.User)
	}
	if owner == "" {
		owner = "crontab"
	}
	return owner + "/" + program(command)
}

// lines splits a file at its line ends, of either kind.
func lines(data []byte) []string {
	text := strings.TrimPrefix(string(data), "\uFEFF")
	return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

// cutSetting splits a line NAME=value, and takes the quotes off the value.
func cutSetting(text string) (name, value string, ok bool) {
	name, value, ok = job.CutSetting(text)
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		value = value[1 : len(value)-1]
	}
	return name, value, ok
}

// people leaves out the comments that explain the columns of a table, as they
// stand above the first job of many.
func people(comments []string) []string {
	for _, c := range comments {
		lower := strings.ToLower(c)
		if strings.Contains(lower, "dow") || strings.Contains(lower, "day of week") {
			return nil
		}
	}
	return comments
}

// program is the word of a command that people would call it by.
func program(command string) string {
	if strings.Contains(command, "run-parts") {
		if dir := word(base(partsFolder(command))); dir != "" {
			return dir
		}
	}
	for _, sep := range []string{"&&", "||", "|", ";", "{", "(", "\n"} {
		command = strings.ReplaceAll(command, sep, "\x00")
	}
	found := ""
	for part := range strings.SplitSeq(command, "\x00") {
		for i, w := range strings.Fields(part) {
			if i == 0 && prelude(w) {
				break
			}
			if wrapper(w) || strings.Contains(w, "=") || word(base(w)) == "" {
				continue
			}
			return word(base(strings.TrimRight(w, "/")))
		}
		if found == "" {
			found = word(part)
		}
	}
	if found == "" {
		found = "job"
	}
	return found
}

// systemUser tells whether a word is the user of many a system's jobs, and no
// program's name.
func systemUser(w string) bool {
	switch w {
	case "root", "nobody", "daemon", "www-data", "apache", "nginx", "postgres", "mysql", "redis":
		return true
	}
	return false
}

// prelude tells whether a shell command only prepares the next one.
func prelude(w string) bool {
	switch w {
	case "cd", "test", "[", "[[", "command", "sleep", "exit", "if", "fi", "}", ")", "true", ":", "set", "export", ".", "source", "umask":
		return true
	}
	return false
}

// wrapper tells whether a word only says how the next is run.
func wrapper(w string) bool {
	switch base(w) {
	case "nice", "ionice", "nohup", "exec", "sudo", "env", "chronic", "time", "then", "else", "!", "timeout", "flock":
		return true
	}
	return strings.HasPrefix(w, "-") || strings.Trim(w, "0123456789smhd") == ""
}

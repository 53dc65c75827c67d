package foreign

import (
	"fmt"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
)

// part is what starts the scripts of one folder, and when.
type part struct {
	job     job.Job // all but the command
	from    string
	remarks []string
	yields  bool // to anacron, if its table is here
}

// starts takes a line that only starts what is imported by itself: the
// scripts of a folder that are among the files, or anacron.
func (t *table) starts(j job.Job, command string) bool {
	if !strings.Contains(command, "run-parts") {
		if t.r.anacron && t.file.Kind != Anacrontab && strings.Contains(command, "anacron") {
			t.r.remark(t.at(), "Left out: "+command, "  it starts anacron, whose jobs are here by themselves")
			return true
		}
		return false
	}
	dir := partsFolder(command)
	if dir == "" {
		return false
	}
	if !t.r.folders[dir] {
		t.remarks = append(t.remarks, fmt.Sprintf("It starts all scripts of %s one after the other; \"belfry import %s\" makes a job of each.", dir, dir))
		return false
	}
	j.Command = nil
	if strings.Contains(command, "cd / ") {
		j.WorkingDir = "/"
	}
	p := part{job: j, from: t.at(), remarks: t.remarks, yields: t.r.anacron && strings.Contains(command, "anacron")}
	if earlier, twice := t.r.parts[dir]; !twice || earlier.yields {
		t.r.parts[dir] = p
	}
	t.r.remark(t.at(), fmt.Sprintf("The scripts of %s are jobs by themselves, see below.", dir))
	return true
}

// partsFolder is the folder that run-parts is given in a command.
func partsFolder(command string) string {
	_, behind, _ := strings.Cut(command, "run-parts")
	for w := range strings.FieldsSeq(behind) {
		if strings.HasPrefix(w, "/") {
			return strings.TrimRight(w, "/;)}")
		}
	}
	return ""
}

// stockTimes are when Debian's /etc/crontab starts the scripts of a folder.
func stockTimes(dir string) (string, bool) {
	expression, ok := map[string]string{
		"cron.hourly":  "17 * * * *",
		"cron.daily":   "25 6 * * *",
		"cron.weekly":  "47 6 * * 7",
		"cron.monthly": "52 6 1 * *",
		"cron.yearly":  "12 7 1 1 *",
	}[dir]
	return expression, ok
}

// script makes a job of one file of a folder that run-parts runs.
func (r *reader) script(f File) {
	dir := folder(f.Name)
	if why := skippedByRunParts(f); why != "" {
		if base(f.Name) != ".placeholder" {
			r.remark(f.Name, "Left out: "+why)
		}
		return
	}
	if base(f.Name) == "0anacron" {
		r.remark(f.Name, "Left out: it only serves anacron.")
		return
	}
	p, known := r.parts[dir]
	if !known {
		expression, ok := stockTimes(base(dir))
		if !ok {
			r.remark(f.Name, fmt.Sprintf("Left out: nothing here says when the scripts of %s are started.", dir))
			return
		}
		p.job = r.blank()
		p.job.Schedule, p.job.User, p.job.WorkingDir = expression, "root", "/"
		p.remarks = []string{"The time is that of Debian's /etc/crontab: no table was given that says it."}
	}
	j := p.job
	j.Name = word(base(dir)) + "/" + word(base(f.Name))
	j.Command = []string{f.Name}
	r.add(Entry{From: f.Name, Job: &j, Remarks: p.remarks}, f.Name)
}

// skippedByRunParts says why run-parts does not run a file, or nothing. Its
// rule for names keeps out what editors and package managers leave behind.
func skippedByRunParts(f File) string {
	name := base(f.Name)
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return fmt.Sprintf("run-parts runs no file with %q in its name.", c)
		}
	}
	if !f.Executable {
		return "the file is not executable, so that run-parts does not run it."
	}
	return ""
}

// RunPartsName tells whether cron reads a file of that name in /etc/cron.d:
// letters, digits, underscores and dashes alone.
func RunPartsName(name string) bool {
	return name != "" && skippedByRunParts(File{Name: name, Executable: true}) == ""
}

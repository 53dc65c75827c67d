package foreign

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
)

const day = 24 * time.Hour

// anacrontab reads anacron's table: period in days, delay in minutes, an
// identifier and a command. Anacron knows no time of day: it starts what is
// due when the host is up. Here that becomes the first hour in which it may,
// and a catch-up as long as the period.
func (r *reader) anacrontab(f File) {
	t := &anacrontab{table: newTable(r, f), hour: 7}
	t.base.User = "root"
	for i, line := range lines(f.Data) {
		t.number = i + 1
		t.line(line)
	}
}

type anacrontab struct {
	*table
	hour int // the first in which jobs may start
}

func (t *anacrontab) line(line string) {
	text := strings.TrimSpace(line)
	switch {
	case strings.HasPrefix(text, "#"):
		t.kept = append(t.kept, strings.TrimSpace(strings.TrimLeft(text, "#")))
		return
	case text == "":
	default:
		if name, value, ok := cutSetting(text); ok && name == "START_HOURS_RANGE" {
			t.hours(value)
		} else if ok {
			t.setting(name, value)
		} else {
			t.job(text)
		}
	}
	t.kept = nil
}

func (t *anacrontab) hours(value string) {
	first, _, _ := strings.Cut(value, "-")
	hour, err := strconv.Atoi(first)
	if err != nil || hour < 0 || hour > 23 {
		t.r.remark(t.at(), fmt.Sprintf("START_HOURS_RANGE=%s: not a range of hours.", value))
		return
	}
	t.hour = hour
	t.r.remark(t.at(), fmt.Sprintf("START_HOURS_RANGE=%s: jobs start in the first of these hours; later ones only serve hosts that were off.", value))
}

func (t *anacrontab) job(line string) {
	period, rest := job.CutWord(line)
	delay, rest := job.CutWord(rest)
	id, command := job.CutWord(rest)
	minutes, err := strconv.Atoi(delay)
	if command == "" || err != nil || minutes < 0 || minutes > 24*60 {
		t.r.remark(t.at(), "Left out: "+line, "  the line is neither a job nor a setting")
		return
	}
	j := t.base
	expression, window, remark := t.expression(period, minutes)
	if expression == "" {
		t.r.remark(t.at(), "Left out: "+line, "  "+remark)
		return
	}
	t.remarks = nil
	if remark != "" {
		t.remarks = append(t.remarks, remark)
	}
	j.Schedule = expression
	j.CatchUp = job.CatchUp{Policy: job.CatchUpLast, Window: window}
	j.Command = []string{t.shell, "-c", command}
	if t.starts(j, command) {
		return
	}
	j.Name = "anacron/" + word(id)
	if word(id) == "" {
		j.Name = "anacron/" + program(command)
	}
	t.r.add(Entry{From: t.at(), Job: &j, Kept: people(t.kept), Remarks: t.remarks}, line)
}

// expression makes a schedule of a period and the minutes after the first
// hour, and says how long a missed due time is worth catching up.
func (t *anacrontab) expression(period string, minutes int) (expression string, window time.Duration, remark string) {
	clock := fmt.Sprintf("%d %d", minutes%60, (t.hour+minutes/60)%24)
	switch period {
	case "1", "@daily":
		return clock + " * * *", day, ""
	case "7", "@weekly":
		return clock + " * * 0", 7 * day, ""
	case "@monthly":
		return clock + " 1 * *", 31 * day, ""
	case "@yearly", "@annually":
		return clock + " 1 1 *", 366 * day, ""
	}
	days, err := strconv.Atoi(period)
	if err != nil || days < 1 || days > 366 {
		return "", 0, fmt.Sprintf("%q is not a period of 1 to 366 days", period)
	}
	remark = fmt.Sprintf("Every %d days, counted from 1970-01-01 00:00 UTC: the time of day cannot be chosen.", days)
	return fmt.Sprintf("@every %dh", days*24), time.Duration(days) * day, remark
}

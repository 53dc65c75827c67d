package foreign

import (
	"fmt"
	"strconv"
	"strings"
)

// column is what differs between dialects about one field.
type column struct {
	name  string
	hi    int
	count int // of its values: the largest step Belfry takes
}

func columns() []column {
	return []column{{"minute", 59, 60}, {"hour", 23, 24}, {"day of month", 31, 31}, {"month", 12, 12}, {"day of week", 7, 7}}
}

// cronExpression writes cron's fields the way Belfry wants them. What cannot
// be read stays as it is, for the check to find.
func cronExpression(fields []string) (expression string, remarks []string) {
	if len(fields) != len(columns()) {
		return strings.Join(fields, " "), nil
	}
	out := make([]string, len(fields))
	for i, c := range columns() {
		var note string
		out[i], note = shorten(fields[i], c)
		if note != "" {
			remarks = append(remarks, note)
		}
		if strings.Contains(fields[i], "~") {
			remarks = append(remarks, fmt.Sprintf("The %s %s is drawn once, from the job's name; cron draws whenever it loads the table.", c.name, fields[i]))
		}
	}
	return strings.Join(out, " "), remarks
}

// shorten replaces steps longer than their field, of which cron takes the
// first value alone, by the longest that Belfry takes: the same value.
func shorten(text string, c column) (out, remark string) {
	items := strings.Split(text, ",")
	for i, item := range items {
		span, step, found := strings.Cut(item, "/")
		n, err := strconv.Atoi(step)
		if !found || err != nil || n <= c.count {
			continue
		}
		items[i] = fmt.Sprintf("%s/%d", span, c.count)
		remark = fmt.Sprintf("%s in the %s is a step longer than the field: it only ever meant its first value.", item, c.name)
	}
	return strings.Join(items, ","), remark
}

// cronJobExpression writes the schedule of a CronJob the way Belfry wants
// it. Kubernetes reads it with a library of its own, that differs from cron:
//
//	5/15   is 5-59/15
//	*/2    in a day field does not count as a star, */1 does, and so does a
//	       star anywhere in a list: that decides between "and" and "or"
func cronJobExpression(text string) (expression, zone string, remarks []string) {
	fields := strings.Fields(text)
	if len(fields) > 0 {
		for _, prefix := range []string{"CRON_TZ=", "TZ="} {
			if name, ok := strings.CutPrefix(fields[0], prefix); ok {
				zone, fields = name, fields[1:]
				break
			}
		}
	}
	if len(fields) > 0 && fields[0] == "@every" {
		remarks = append(remarks, "Counted from 1970-01-01 00:00 UTC; Kubernetes counts from when the CronJob was made.")
	}
	if len(fields) != len(columns()) {
		return strings.Join(fields, " "), zone, remarks
	}
	for i, c := range columns() {
		items := strings.Split(fields[i], ",")
		for k, item := range items {
			span, step, found := strings.Cut(item, "/")
			if found && span != "" && strings.Trim(span, "0123456789") == "" {
				hi := c.hi
				if c.name == "day of week" {
					hi = 6
				}
				items[k] = fmt.Sprintf("%s-%d/%s", span, hi, step)
			}
		}
		var note string
		fields[i], note = shorten(strings.Join(items, ","), c)
		if note != "" {
			remarks = append(remarks, note)
		}
	}
	fields[2], fields[4] = dayFields(fields[2], fields[4])
	return strings.Join(fields, " "), zone, remarks
}

// dayFields rewrites the two day fields so that cron joins them as Kubernetes
// does: by "and" if one of them is a star there, else by "or".
func dayFields(dom, dow string) (string, string) {
	starred := starThere(dom) || starThere(dow)
	leading := starHere(dom) || starHere(dow)
	switch {
	case starred == leading:
	case starred:
		// A star within a list makes that field match every day.
		if starThere(dom) {
			dom = "*"
		} else {
			dow = "*"
		}
	default:
		dom, dow = unstar(dom, "1-31"), unstar(dow, "0-6")
	}
	return dom, dow
}

// starThere tells whether a field counts as a star for Kubernetes.
func starThere(text string) bool {
	for item := range strings.SplitSeq(text, ",") {
		switch item {
		case "*", "?", "*/1", "?/1":
			return true
		}
	}
	return false
}

// starHere tells whether it does for cron: its first character decides.
func starHere(text string) bool { return strings.HasPrefix(text, "*") || strings.HasPrefix(text, "?") }

// unstar writes a field's stars as the range they stand for.
func unstar(text, span string) string {
	items := strings.Split(text, ",")
	for i, item := range items {
		if starHere(item) {
			items[i] = span + item[1:]
		}
	}
	return strings.Join(items, ",")
}

package schedule

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// recognise looks at an expression that Parse refused for the ways other
// schedulers write theirs. It returns nil when it is none of them, and else
// an error with the translation, where there is an exact one.
func recognise(expr string, fields []token, o Options) *Error {
	texts := make([]string, len(fields))
	for i, f := range fields {
		texts[i] = f.text
	}
	name, translation, why := dialect(texts, o)
	if name == "" {
		return nil
	}
	err := &Error{Pos: fields[0].pos, Len: len(strings.TrimRight(expr, " \t")) - fields[0].pos, Msg: "this is " + name + ", not a crontab expression"}
	if translation != "" {
		refused := (&Schedule{}).parse(split(translation), o)
		if refused == nil {
			err.Hint = "write " + translation
			return err
		}
		if o.Seconds && len(fields) == 6 {
			return nil // the fields are also ours: what they say is wrong is nearer
		}
		// A translation that does not parse is none, but says what is wrong.
		why = "here it would be " + translation + ", and " + refused.Msg
	}
	if why == "" {
		why = "five fields: minute hour day-of-month month day-of-week"
	}
	err.Hint = why
	return err
}

// dialect names the dialect of an expression and translates it; why says what
// stands in the way of a translation.
func dialect(f []string, o Options) (name, translation, why string) {
	whole := strings.Join(f, " ")
	inner, closed := strings.CutSuffix(whole, ")")
	switch zone, prefixed := cutZone(f[0]); {
	case whole[0] == '@':
		return "", "", ""
	case prefixed:
		return "an expression with its zone in front", "", "set timezone: " + strconv.Quote(zone) + " on the job, and leave the prefix out"
	case closed && strings.HasPrefix(whole, "rate("):
		return "an AWS rate", awsRate(inner[len("rate("):]), ""
	case closed && strings.HasPrefix(whole, "cron("):
		o.Seconds = false // AWS has none
		translation, why = quartz(append([]string{"0"}, strings.Fields(inner[len("cron("):])...), o)
		return "an AWS cron expression", translation, why
	case len(f) == 6 && (f[2] == "?" || f[4] == "?"):
		o.Seconds = false
		translation, why = quartz(append([]string{"0"}, f...), o)
		return "an AWS cron expression", translation, why
	case systemdWord(whole) != "":
		return "a word of systemd's OnCalendar", systemdWord(whole), ""
	case (strings.Contains(whole, "..") || strings.Contains(whole, ":")) && !slices.Contains(f, "*"):
		translation, why = systemd(f)
		return "a systemd OnCalendar expression", translation, why
	case len(f) == 7 && strings.Trim(f[6], "0123456789*,-/") == "" && !slices.ContainsFunc(f, dangling),
		len(f) == 6 && (f[3] == "?" || f[5] == "?"):
		translation, why = quartz(f, o)
		return "a Quartz expression", translation, why
	}
	return "", "", ""
}

// dangling reports whether a comma or a dash waits for the word beside it: such
// words are parts of one field.
func dangling(word string) bool { return strings.Trim(word, ",-") != word }

func cutZone(first string) (string, bool) {
	if zone, ok := strings.CutPrefix(first, "CRON_TZ="); ok {
		return zone, true
	}
	return strings.CutPrefix(first, "TZ=")
}

// awsRate translates "5 minutes".
func awsRate(s string) string {
	n, unit, _ := strings.Cut(strings.TrimSpace(s), " ")
	v, ok := number(n)
	if !ok {
		return ""
	}
	switch strings.TrimSuffix(unit, "s") {
	case "minute":
		return "@every " + n + "m"
	case "hour":
		return "@every " + n + "h"
	case "day":
		return "@every " + strconv.Itoa(v*24) + "h"
	}
	return ""
}

// quartz translates second minute hour day month weekday [year]. Its days of
// the week count from Sunday = 1.
func quartz(f []string, o Options) (translation, why string) {
	out := make([]string, 0, 6)
	switch {
	case len(f) < 6 || len(f) > 7:
		return "", ""
	case len(f) == 7 && f[6] != "*":
		return once(f, o), "cron has no field for the year; @at names one instant"
	case o.Seconds:
		out = append(out, quartzField(f[0], fieldSecond()))
	case f[0] != "0" && f[0] != "00":
		return "", "set seconds: true, leave the year out, and count days of the week from Sunday = 0"
	}
	for i, column := range []field{fieldMinute(), fieldHour(), fieldDom(), fieldMonth()} {
		out = append(out, quartzField(f[i+1], column))
	}
	dow := quartzField(quartzWeekdays(f[5]), fieldDow())
	if out[len(out)-2] != "*" && dow != "*" {
		return "", "one of the two day fields must be * here: cron joins them by or"
	}
	return strings.Join(append(out, dow), " "), ""
}

// once translates an expression of one instant, a number in each field but
// the day of the week; empty if it is none.
func once(f []string, o Options) string {
	loc := o.Location
	if loc == nil {
		loc = time.UTC
	}
	if f[5] != "?" {
		return ""
	}
	at, err := time.ParseInLocation("2006 1 2 15 4 5", strings.Join([]string{f[6], f[4], f[3], f[2], f[1], f[0]}, " "), loc)
	if err != nil {
		return ""
	}
	return "@at " + at.Format(time.RFC3339)
}

// quartzField writes 5/15 as a range with a step.
func quartzField(s string, column field) string {
	items := strings.Split(s, ",")
	for i, item := range items {
		if item == "?" {
			items[i] = "*"
		}
		start, step, stepped := strings.Cut(item, "/")
		v, ok := number(start)
		switch {
		case !stepped || !ok:
		case v == column.lo:
			items[i] = "*/" + step
		default:
			items[i] = start + "-" + strconv.Itoa(column.lo+column.count-1) + "/" + step
		}
	}
	return strings.Join(items, ",")
}

// quartzWeekdays counts from Sunday = 0 what counts from Sunday = 1. The
// numbers after # and / are not days.
func quartzWeekdays(s string) string {
	var out strings.Builder
	isDay := true
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '1' && c <= '7' && isDay:
			c--
		case c == '#' || c == '/':
			isDay = false
		case c == ',' || c == '-':
			isDay = true
		}
		out.WriteByte(c)
	}
	if out.String() == "L" {
		return "6"
	}
	return overSunday(out.String())
}

// overSunday writes ranges of days that go over Saturday, 6-1 and fri-mon, as
// two: elsewhere they are allowed.
func overSunday(s string) string {
	week := fieldDow()
	items := strings.Split(s, ",")
	for i, item := range items {
		a, b, _ := strings.Cut(item, "-")
		from, err := (&parser{field: week}).value(token{text: a})
		to, err2 := (&parser{field: week}).value(token{text: b})
		if err == nil && err2 == nil && from > to && to > 0 {
			items[i] = a + "-sat,sun-" + b
		}
	}
	return strings.Join(items, ",")
}

// systemdWord translates the words systemd has without an @. Its week begins
// on Monday.
func systemdWord(s string) string {
	return map[string]string{
		"minutely":     "* * * * *",
		"hourly":       "@hourly",
		"daily":        "@daily",
		"weekly":       "0 0 * * 1",
		"monthly":      "@monthly",
		"quarterly":    "0 0 1 1,4,7,10 *",
		"semiannually": "0 0 1 1,7 *",
		"yearly":       "@yearly",
		"annually":     "@yearly",
	}[strings.ToLower(s)]
}

// systemd translates [weekdays] [year-month-day] [hour:minute[:second]].
func systemd(f []string) (translation, why string) {
	dow, date, clock := "*", "*-*-*", "0:0"
	for _, s := range f {
		switch {
		case strings.Contains(s, ":"):
			clock = s
		case strings.Count(s, "-") > 0 && strings.ContainsAny(s, "*0123456789"):
			date = s
		case len(s) >= 3 && slices.Contains(fieldDow().names, strings.ToLower(s[:3])):
			dow = systemdWeekdays(s)
		default:
			return "", "the zone goes into the job's timezone, and five fields stay: minute hour day-of-month month day-of-week"
		}
	}
	parts := strings.Split(date, "-")
	if len(parts) == 2 {
		parts = append([]string{"*"}, parts...)
	}
	hand := strings.Split(clock, ":")
	switch {
	case len(parts) != 3 || len(hand) < 2 || len(hand) > 3:
		return "", ""
	case parts[0] != "*":
		return "", "cron has no field for the year; @at names one instant"
	case len(hand) == 3 && strings.Trim(hand[2], "0") != "":
		return "", "set seconds: true for a time with seconds"
	}
	dom := systemdField(parts[2], fieldDom())
	if dom != "*" && dow != "*" {
		week := map[string]string{"1-7": "1", "8-14": "2", "15-21": "3", "22-28": "4"}[dom]
		if week == "" || strings.ContainsAny(dow, "-,") {
			return "", "there a date and a weekday must both match, here either does: 5#3 is the third Friday, 5L the last"
		}
		dom, dow = "*", dow+"#"+week
	}
	return strings.Join([]string{
		systemdField(hand[1], fieldMinute()), systemdField(hand[0], fieldHour()),
		dom, systemdField(parts[1], fieldMonth()), dow,
	}, " "), ""
}

func systemdWeekdays(s string) string {
	days := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(",.-", r) })
	for _, day := range days {
		if len(day) > 3 {
			s = strings.ReplaceAll(strings.ToLower(s), day, day[:3])
		}
	}
	return overSunday(strings.ReplaceAll(strings.ToLower(s), "..", "-"))
}

// systemdField writes one part without leading zeros, a..b as a-b and a/n as
// a range with a step.
func systemdField(s string, column field) string {
	items := strings.Split(s, ",")
	for i, item := range items {
		span, step, stepped := strings.Cut(item, "/")
		ends := strings.Split(span, "..")
		for j, end := range ends {
			if v, ok := number(end); ok {
				ends[j] = strconv.Itoa(v)
			}
		}
		items[i] = strings.Join(ends, "-")
		if stepped {
			items[i] += "/" + step
		}
	}
	return quartzField(strings.Join(items, ","), column)
}

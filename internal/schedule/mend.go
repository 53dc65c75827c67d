package schedule

import (
	"strconv"
	"strings"
	"time"
)

// slips looks at an expression that Parse refused for what people write when
// they mean one of ours: a comment, blanks inside a field, an instant, a time
// of day. It says what is wrong and what to write, which parses; nil if it is
// nothing of the kind.
func slips(fields []token, o Options) *Error {
	for _, look := range []func([]token, Options) (msg, write string){wrapped, blanks, comment, separators, names, interval, moment, timeOfDay} {
		msg, write := look(fields, o)
		if write == "" || (&Schedule{}).parse(split(write), o) != nil {
			continue
		}
		first, last := fields[0], fields[len(fields)-1]
		return &Error{Pos: first.pos, Len: last.pos + len(last.text) - first.pos, Msg: msg, Hint: "write " + write}
	}
	return nil
}

func texts(fields []token) []string {
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = f.text
	}
	return words
}

// wrapped takes five fields out of cron(…): AWS, which writes that, has six.
func wrapped(fields []token, _ Options) (msg, write string) {
	whole := strings.Join(texts(fields), " ")
	inner, found := strings.CutPrefix(whole, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !found || !closed || len(strings.Fields(inner)) != 5 {
		return "", ""
	}
	return "five fields stand alone, without cron(…)", inner
}

// comment finds a # that begins a word. A bare #3 is none: it is the place of
// a day in the month.
func comment(fields []token, _ Options) (msg, write string) {
	for i, f := range fields {
		if f.text[0] == '#' && i > 0 && !place(texts(fields[i:])) {
			return "a schedule has no comment", strings.Join(texts(fields[:i]), " ")
		}
	}
	return "", ""
}

// place reports whether words are #3, in one piece or two.
func place(words []string) bool {
	n, ok := number(strings.TrimPrefix(strings.Join(words, ""), "#"))
	return ok && n >= 1 && n <= 5
}

// blanks joins words that commas and dashes hold together: "mon, wed",
// "MON - FRI" and "mon #1".
func blanks(fields []token, _ Options) (msg, write string) {
	var words []string
	for i, f := range fields {
		if f.text[0] == '#' && len(words) > 0 && place(texts(fields[i:])) {
			words[len(words)-1] += strings.Join(texts(fields[i:]), "")
			break
		}
		if n := len(words); n > 0 && (strings.ContainsAny(f.text[:1], ",-") || strings.ContainsAny(words[n-1][len(words[n-1])-1:], ",-")) {
			words[n-1] += f.text
			continue
		}
		words = append(words, f.text)
	}
	return "a blank inside a field ends it", strings.Join(words, " ")
}

// separators makes commas and dashes of other marks.
func separators(fields []token, _ Options) (msg, write string) {
	whole := strings.Join(texts(fields), " ")
	switch {
	case strings.ContainsAny(whole, ";|&"):
		return "values are listed with commas", strings.NewReplacer(";", ",", "|", ",", "&", ",").Replace(whole)
	case strings.ContainsAny(whole, "–—") || strings.Contains(whole, ".."):
		return "a range is written with a dash, -", strings.NewReplacer("–", "-", "—", "-", "..", "-").Replace(whole)
	}
	return "", ""
}

// names shortens those of days and months, where there are several: of one the
// parser tells.
func names(fields []token, _ Options) (msg, write string) {
	whole, found := strings.ToLower(strings.Join(texts(fields), " ")), 0
	for day := range time.Weekday(7) {
		long := strings.ToLower(day.String())
		found += strings.Count(whole, long)
		whole = strings.ReplaceAll(whole, long, long[:3])
	}
	for month := time.January; month <= time.December; month++ {
		long := strings.ToLower(month.String())
		found += strings.Count(whole, long)
		whole = strings.ReplaceAll(whole, long, long[:3])
	}
	if found < 2 {
		return "", ""
	}
	return "names of days and months have three letters", whole
}

// interval reads "@every 5 minutes" and "@every 2d".
func interval(fields []token, _ Options) (msg, write string) {
	if !strings.EqualFold(fields[0].text, "@every") || len(fields) < 2 {
		return "", ""
	}
	rest := strings.ToLower(strings.Join(texts(fields[1:]), ""))
	total := time.Duration(0)
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, ok := number(rest[:digits])
		if digits == 0 {
			n, ok = 1, total == 0
		}
		rest = rest[digits:]
		letters := len(rest) - len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz"))
		unit := unitOf(rest[:letters])
		rest = strings.TrimPrefix(rest[letters:], ",")
		if !ok || unit == 0 || total > maxInterval || n > int(maxInterval/unit) {
			return "", ""
		}
		total += time.Duration(n) * unit
	}
	text := total.String() // 1h0m0s
	if total%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if total%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return "an interval is one word, of hours, minutes and seconds", "@every " + text
}

// unitOf is the duration that a word in any of its usual forms stands for.
func unitOf(word string) time.Duration {
	if len(word) > 2 { // ms is no minute
		word = strings.TrimSuffix(word, "s")
	}
	switch word {
	case "s", "sec", "second":
		return time.Second
	case "m", "min", "minute":
		return time.Minute
	case "h", "hr", "hour":
		return time.Hour
	case "d", "day":
		return 24 * time.Hour
	case "w", "week":
		return 7 * 24 * time.Hour
	}
	return 0
}

// moment reads a date and a time, with or without @at, or AWS's at(…). One
// without an offset is on the clock of the job's zone.
func moment(fields []token, o Options) (msg, write string) {
	words, msg := texts(fields), "this is an instant"
	if strings.EqualFold(words[0], "@at") {
		words, msg = words[1:], "an instant is written as in RFC 3339, with its offset"
	}
	text, loc := strings.Join(words, " "), o.Location
	if inner, found := strings.CutPrefix(text, "at("); found && strings.HasSuffix(inner, ")") {
		text, msg = strings.TrimSuffix(inner, ")"), "this is an AWS at expression"
	}
	if loc == nil {
		loc = time.UTC
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		for _, form := range []string{layout, strings.Replace(layout, "T", " ", 1)} {
			if at, err := time.ParseInLocation(form, text, loc); err == nil {
				return msg, "@at " + at.Format(time.RFC3339)
			}
		}
	}
	return "", ""
}

// timeOfDay reads 9:30 where the minute and the hour belong.
func timeOfDay(fields []token, _ Options) (msg, write string) {
	hours, minutes, found := strings.Cut(fields[0].text, ":")
	hour, okHour := number(hours)
	minute, okMinute := number(minutes)
	if !found || !okHour || !okMinute {
		return "", ""
	}
	rest := texts(fields[1:])
	if len(rest) == 4 && rest[0] == "*" {
		rest = rest[1:] // the hour's place was kept
	}
	if len(rest) != 3 {
		return "", ""
	}
	return "this is a time of day: the minute comes first, then the hour", strconv.Itoa(minute) + " " + strconv.Itoa(hour) + " " + strings.Join(rest, " ")
}

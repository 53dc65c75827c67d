package schedule

import (
	"strings"
	"time"
)

// maxInterval bounds @every: longer than any interval people mean.
const maxInterval = 100 * 365 * 24 * time.Hour

// macros are cron's @ names and the fields they stand for.
func macros() map[string]string {
	return map[string]string{
		"@yearly":   "0 0 1 1 *",
		"@annually": "0 0 1 1 *",
		"@monthly":  "0 0 1 * *",
		"@weekly":   "0 0 * * 0",
		"@daily":    "0 0 * * *",
		"@midnight": "0 0 * * *",
		"@hourly":   "0 * * * *",
	}
}

// parseAt reads the @ forms.
func (s *Schedule) parseAt(fields []token, o Options) *Error {
	name, rest := fields[0], fields[1:]
	word := strings.ToLower(name.text)
	switch word {
	case "@every":
		return s.parseEvery(name, rest)
	case "@at":
		return s.parseInstant(name, rest)
	case "@reboot":
		return name.fail("a cluster does not reboot: run it by `belfry run JOB`, or let the host's service manager start it", "@reboot has no due time")
	}
	text, ok := macros()[word]
	if !ok {
		hint := "@hourly, @daily, @weekly, @monthly, @yearly, @every 90s or @at 2026-12-31T23:00:00Z"
		words := []string{"@every", "@at", "@reboot"}
		for m := range macros() {
			words = append(words, m)
		}
		if near := nearest(word, sorted(words)); near != "" {
			hint = "did you mean " + near + "?"
		}
		return name.fail(hint, "%q is not a schedule", name.text)
	}
	if len(rest) > 0 {
		return trailing(rest, name.text)
	}
	return s.parseFields(split(text), Options{Key: o.Key})
}

func trailing(rest []token, after string) *Error {
	last := rest[len(rest)-1]
	return &Error{
		Pos: rest[0].pos, Len: last.pos + len(last.text) - rest[0].pos,
		Msg: "unexpected text after " + after, Hint: "remove it",
	}
}

// parseEvery reads an interval. Due times are whole multiples of it since
// 1970-01-01 00:00 UTC, so that they depend on nothing but the expression.
func (s *Schedule) parseEvery(name token, rest []token) *Error {
	if len(rest) == 0 {
		return &Error{Pos: name.pos + len(name.text), Msg: "@every needs an interval", Hint: "for example @every 90s, @every 1h30m"}
	}
	if len(rest) > 1 {
		return trailing(rest[1:], "the interval")
	}
	d, err := time.ParseDuration(rest[0].text)
	switch {
	case err != nil:
		return rest[0].fail("for example 90s, 5m, 1h30m; a day is 24h", "%q is not an interval", rest[0].text)
	case d < time.Second || d%time.Second != 0:
		return rest[0].fail("whole seconds, from 1s", "%q is not an interval Belfry can keep", rest[0].text)
	case d > maxInterval:
		return rest[0].fail("at most 100 years", "%q is too long", rest[0].text)
	}
	s.kind, s.interval = kindEvery, int64(d/time.Second)
	return nil
}

// parseInstant reads the one due time of a job that runs once.
func (s *Schedule) parseInstant(name token, rest []token) *Error {
	const hint = "as RFC 3339 with its offset, for example @at 2026-12-31T23:00:00Z"
	if len(rest) == 0 {
		return &Error{Pos: name.pos + len(name.text), Msg: "@at needs an instant", Hint: hint}
	}
	if len(rest) > 1 {
		return trailing(rest[1:], "the instant")
	}
	at, err := time.Parse(time.RFC3339, rest[0].text)
	switch {
	case err != nil:
		return rest[0].fail(hint, "%q is not an instant", rest[0].text)
	case at.Nanosecond() != 0:
		return rest[0].fail("whole seconds", "%q is finer than Belfry keeps time", rest[0].text)
	case at.Unix() <= minUnix || at.Unix() > maxUnix:
		return rest[0].fail("years 1 to 9999", "%q is out of range", rest[0].text)
	}
	s.kind, s.at = kindAt, at.Unix()
	return nil
}

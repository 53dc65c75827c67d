package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Describe is the schedule in words, such as "at 02:30 on Monday to Friday"
// or "every 5 minutes". Its clock is that of the schedule's zone.
func (s *Schedule) Describe() string {
	switch s.kind {
	case kindEvery:
		return "every " + (time.Duration(s.interval) * time.Second).String()
	case kindAt:
		return "once, at " + time.Unix(s.at, 0).In(s.loc).Format(time.RFC3339)
	case kindFields:
	}
	return strings.Join(append([]string{s.spec.clockWords()}, s.spec.dayWords()...), " ")
}

// clockWords is the time of day.
func (s *spec) clockWords() string {
	hour, oneHour := only(uint64(s.hour))
	minute, oneMinute := only(s.min)
	second, oneSecond := only(s.sec)
	if oneHour && oneMinute && oneSecond {
		if second > 0 {
			return fmt.Sprintf("at %02d:%02d:%02d", hour, minute, second)
		}
		return fmt.Sprintf("at %02d:%02d", hour, minute)
	}
	words := columnWords(s.min, fieldMinute(), "minute")
	if oneMinute && s.hour == everyHour {
		words = "every hour at minute " + strconv.Itoa(minute)
	} else if s.hour != everyHour {
		words += " of " + columnWords(uint64(s.hour), fieldHour(), "hour")
	}
	if s.sec == 1 {
		return words
	}
	if s.min == everySixty && s.hour == everyHour {
		return columnWords(s.sec, fieldSecond(), "second")
	}
	return columnWords(s.sec, fieldSecond(), "second") + " of " + words
}

// columnWords is "every minute", "every 5 minutes" or "minute 1,2,7-9".
func columnWords(set uint64, f field, unit string) string {
	text := free(set, f)
	if text == "*" {
		return "every " + unit
	}
	if step, ok := strings.CutPrefix(text, "*/"); ok {
		if n, _ := number(step); f.count%n == 0 {
			return "every " + step + " " + unit + "s"
		}
	}
	return unit + " " + text
}

// dayWords is the days and the months, nothing when it is every day.
func (s *spec) dayWords() []string {
	dom, dow := s.domPhrase(), s.dowPhrase()
	var out []string
	switch {
	case dom != "" && dow != "" && s.stars&(starDom|starDow) == 0:
		out = append(out, "on "+dom+" or on "+dow)
	case dom != "" && dow != "":
		out = append(out, "on "+dom+" if it is "+dow)
	// Of two fields joined by or, a full one leaves nothing for the other.
	case s.stars&(starDom|starDow) == 0:
	case dom != "":
		out = append(out, "on "+dom)
	case dow != "":
		out = append(out, "on "+dow)
	}
	if s.month != everyMonth {
		out = append(out, "in "+named(join(plain(uint64(s.month)), nil), monthWord))
	}
	return out
}

func (s *spec) domPhrase() string {
	var out []string
	if s.dom == everyDom {
		return ""
	}
	if s.dom != 0 {
		out = append(out, "day "+free(uint64(s.dom), fieldDom()))
	}
	for _, word := range s.domWords() {
		switch {
		case word == "L":
			word = "the last day"
		case word == "LW":
			word = "the last weekday"
		case word[0] == 'L':
			word = word[2:] + " days before the last"
		default:
			word = "the weekday nearest day " + strings.TrimSuffix(word, "W")
		}
		out = append(out, word)
	}
	return strings.Join(out, " or ") + " of the month"
}

func (s *spec) dowPhrase() string {
	if s.dow == everyDow {
		return ""
	}
	var out []string
	if s.dow != 0 {
		out = append(out, named(join(plain(uint64(s.dow)), nil), dayWord))
	}
	for _, word := range s.dowWords() {
		day := dayWord(int(word[0] - '0'))
		if word[1] == 'L' {
			out = append(out, "the last "+day)
			continue
		}
		place := map[byte]string{'1': "first", '2': "second", '3': "third", '4': "fourth", '5': "fifth"}[word[2]]
		out = append(out, "the "+place+" "+day)
	}
	return strings.Join(out, " or ")
}

func dayWord(v int) string   { return time.Weekday(v).String() }
func monthWord(v int) string { return time.Month(v).String() }

// named replaces the numbers of a list by words; the number of a step stays.
func named(list string, word func(int) string) string {
	items := strings.Split(list, ",")
	for i, item := range items {
		span, step, stepped := strings.Cut(item, "/")
		ends := strings.Split(span, "-")
		for j, end := range ends {
			if v, ok := number(end); ok {
				ends[j] = word(v)
			}
		}
		items[i] = strings.Join(ends, " to ")
		if stepped {
			items[i] += " by steps of " + step
		}
	}
	return strings.Join(items, ", ")
}

package schedule

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// String is the schedule in canonical form: macros as fields, H and ~ as the
// values they have for this key, lists sorted and joined into ranges and
// steps. Parsed with the same options it gives an equal schedule.
func (s *Schedule) String() string {
	switch s.kind {
	case kindEvery:
		return "@every " + (time.Duration(s.interval) * time.Second).String()
	case kindAt:
		return "@at " + time.Unix(s.at, 0).UTC().Format(time.RFC3339)
	case kindFields:
	}
	sp := &s.spec
	out := make([]string, 0, 6)
	if sp.sec != 1 {
		out = append(out, free(sp.sec, fieldSecond()))
	}
	out = append(out,
		sp.text(sp.min, fieldMinute(), starMin, nil),
		sp.text(uint64(sp.hour), fieldHour(), starHour, nil),
		sp.text(uint64(sp.dom), fieldDom(), starDom, sp.domWords()),
		free(uint64(sp.month), fieldMonth()),
		sp.text(uint64(sp.dow), fieldDow(), starDow, sp.dowWords()),
	)
	return strings.Join(out, " ")
}

func (s *spec) domWords() []string {
	var out []string
	for rest := s.nearest; rest != 0; rest &= rest - 1 {
		out = append(out, strconv.Itoa(bits.TrailingZeros32(rest))+"W")
	}
	for rest := s.lastBefore; rest != 0; rest &= rest - 1 {
		if k := bits.TrailingZeros32(rest); k > 0 {
			out = append(out, "L-"+strconv.Itoa(k))
		} else {
			out = append(out, "L")
		}
	}
	if s.lastWeekday {
		out = append(out, "LW")
	}
	return out
}

func (s *spec) dowWords() []string {
	var out []string
	for rest := s.nth; rest != 0; rest &= rest - 1 {
		bit := bits.TrailingZeros64(rest)
		out = append(out, strconv.Itoa(bit/5)+"#"+strconv.Itoa(bit%5+1))
	}
	for rest := s.lastDow; rest != 0; rest &= rest - 1 {
		out = append(out, strconv.Itoa(bits.TrailingZeros8(rest))+"L")
	}
	return out
}

// text writes a field whose first character matters.
func (s *spec) text(set uint64, f field, which star, words []string) string {
	if s.stars&which == 0 {
		return join(plain(set), words)
	}
	step, rest := starred(set, f)
	text := "*"
	if step > 1 {
		text += "/" + strconv.Itoa(step)
	}
	return join(append([]string{text}, plain(rest)...), words)
}

// free writes a field whose first character does not matter.
func free(set uint64, f field) string {
	if step, rest := starred(set, f); step <= f.count/2 && rest == 0 {
		if step == 1 {
			return "*"
		}
		return "*/" + strconv.Itoa(step)
	}
	return join(plain(set), nil)
}

func join(items, words []string) string {
	return strings.Join(append(items, words...), ",")
}

// starred is the smallest step whose */step lies within the set, and what of
// the set it leaves. A set without the field's first value has no such step:
// the step is then past the field.
func starred(set uint64, f field) (step int, rest uint64) {
	for step = 1; step <= f.count; step++ {
		var covered uint64
		for v := f.lo; v <= f.hi; v += step {
			covered |= 1 << (v % (f.lo + f.count))
		}
		if covered&^set == 0 {
			return step, set &^ covered
		}
	}
	return step, set
}

// plain writes a set as values, ranges and one step where it is a single
// progression.
func plain(set uint64) []string {
	var values []int
	for rest := set; rest != 0; rest &= rest - 1 {
		values = append(values, bits.TrailingZeros64(rest))
	}
	if step := progression(values); step > 1 {
		return []string{dash(values[0], values[len(values)-1]) + "/" + strconv.Itoa(step)}
	}
	var out []string
	for i := 0; i < len(values); {
		j := i
		for j+1 < len(values) && values[j+1] == values[j]+1 {
			j++
		}
		if j-i >= 2 {
			out = append(out, dash(values[i], values[j]))
		} else {
			for _, v := range values[i : j+1] {
				out = append(out, strconv.Itoa(v))
			}
		}
		i = j + 1
	}
	return out
}

func dash(a, b int) string { return strconv.Itoa(a) + "-" + strconv.Itoa(b) }

// progression is the common difference of three values or more, or 0.
func progression(values []int) int {
	if len(values) < 3 {
		return 0
	}
	step := values[1] - values[0]
	for i := 2; i < len(values); i++ {
		if values[i]-values[i-1] != step {
			return 0
		}
	}
	return step
}

func sorted(words []string) []string {
	slices.Sort(words)
	return words
}

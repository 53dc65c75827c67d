package schedule

import (
	"slices"
	"strings"
)

// special reads what is not a value or a range: L, LW, L-3, 15W, 5L, 5#3. It
// is false when the item is none of them.
func (p *parser) special(t token) (bool, *Error) {
	switch p.name {
	case "day of month":
		return p.specialDom(t)
	case "day of week":
		return p.specialDow(t)
	}
	return false, nil
}

func (p *parser) specialDom(t token) (bool, *Error) {
	upper := strings.ToUpper(t.text)
	switch {
	case upper == "L":
		p.spec.lastBefore |= 1
		return true, nil
	case upper == "LW":
		p.spec.lastWeekday = true
		return true, nil
	case strings.HasPrefix(upper, "L-"):
		k, ok := number(upper[2:])
		if !ok || k < 1 || k > 30 {
			return true, t.fail("L-1 to L-30", "%q is not a number of days before the last", t.text)
		}
		p.spec.lastBefore |= 1 << k
		return true, nil
	case strings.HasSuffix(upper, "W"):
		d, ok := number(upper[:len(upper)-1])
		if !ok || d < 1 || d > 31 {
			return true, t.fail("15W is the weekday nearest to the 15th", "%q is not a day with W", t.text)
		}
		p.spec.nearest |= 1 << d
		return true, nil
	}
	return false, nil
}

func (p *parser) specialDow(t token) (bool, *Error) {
	if t.text == "L" || t.text == "l" {
		return true, t.fail("6 or sat for Saturday, 5L for the last Friday of a month", "L alone is no day of week")
	}
	if i := strings.IndexByte(t.text, '#'); i >= 0 {
		if strings.Contains(t.text[:i], "-") {
			return true, t.fail(p.each(t.text[:i], t.text[i+1:]), "%q: # takes one day, not a range", t.text)
		}
		dow, err := p.value(t.sub(0, i))
		if err != nil {
			return true, err
		}
		n, ok := number(t.text[i+1:])
		if !ok || n < 1 || n > 5 {
			return true, t.fail("5#3 is the third Friday; a month has at most five", "%q is not a day with its place in the month", t.text)
		}
		p.spec.nth |= 1 << (dow%7*5 + n - 1)
		return true, nil
	}
	if last := len(t.text) - 1; last > 0 && (t.text[last] == 'L' || t.text[last] == 'l') {
		dow, err := p.value(t.sub(0, last))
		if err != nil {
			return true, err
		}
		p.spec.lastDow |= 1 << (dow % 7)
		return true, nil
	}
	return false, nil
}

// each writes a range of days as a list of them, each with its place in the
// month.
func (p *parser) each(days, place string) string {
	first, last, _ := strings.Cut(strings.ToLower(days), "-")
	from, to := slices.Index(p.names, first), slices.Index(p.names, last)
	if n, ok := number(place); from < 0 || to < from || !ok || n < 1 || n > 5 {
		return "list the days: mon#1,tue#1"
	}
	return "write " + strings.Join(p.names[from:to+1], "#"+place+",") + "#" + place
}

// hashed reads H, H(0-29), H/15 and H(0-29)/10: values spread by the key.
// With a step, the key picks where the steps begin.
func (p *parser) hashed(t token, step int, stepped bool) *Error {
	lo, hi := p.lo, p.spread
	if len(t.text) > 1 {
		n := len(t.text)
		dash := strings.IndexByte(t.text, '-')
		if t.text[1] != '(' || t.text[n-1] != ')' || dash < 0 {
			return t.fail("H, H(0-29), H/15 or H(0-29)/10", "%q is not a hashed %s", t.text, p.name)
		}
		var err *Error
		if lo, err = p.value(t.sub(2, dash)); err != nil {
			return err
		}
		if hi, err = p.value(t.sub(dash+1, n-1)); err != nil {
			return err
		}
		if lo > hi {
			return t.fail("put the lower one first", "the range of %q runs backwards", t.text)
		}
	}
	if !stepped {
		v := p.pick(lo, hi)
		p.fill(v, v, 1)
		return nil
	}
	p.fill(p.pick(lo, min(hi, lo+step-1)), hi, step)
	return nil
}

// random reads a~b, where either end may be left out. cronie draws anew when
// it loads the table; here the key draws, once and for all.
func (p *parser) random(t token, i int) *Error {
	lo, hi := p.lo, p.spread
	var err *Error
	if i > 0 {
		if lo, err = p.value(t.sub(0, i)); err != nil {
			return err
		}
		hi = max(hi, lo)
	}
	if i+1 < len(t.text) {
		if hi, err = p.value(t.sub(i+1, len(t.text))); err != nil {
			return err
		}
	}
	if lo > hi {
		return t.fail("put the lower one first", "the range %s of the %s runs backwards", t.text, p.name)
	}
	v := p.pick(lo, hi)
	p.fill(v, v, 1)
	return nil
}

// pick is a value in [lo, hi] that depends on the key, the field and the
// item's place in it.
//
// Changing this moves every H and ~ of every user: it is part of the wire.
func (p *parser) pick(lo, hi int) int {
	const prime = 1099511628211 // FNV-1a, 64 bits
	h := uint64(14695981039346656037)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		h *= prime // a zero byte between parts
	}
	add(p.key)
	add(p.name)
	add(string(rune('0' + p.item)))
	// FNV's low bits are weak on short strings; fold the high ones in.
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return lo + int(h>>33)%(hi-lo+1)
}

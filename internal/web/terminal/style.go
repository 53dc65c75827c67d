package terminal

import (
	"strconv"
	"strings"
)

// style is how text looks: what SGR sequences have set. Colours are 0 for none,
// or the index among the 256 plus one.
type style struct {
	fg, bg                                           int16
	bold, faint, italic, underline, reverse, crossed bool
}

// classes are the names of the classes that the style has, empty for plain text.
func (s style) classes() string {
	var names []string
	add := func(on bool, name string) {
		if on {
			names = append(names, name)
		}
	}
	fg, bg := s.fg, s.bg
	add(s.bold, "b")
	add(s.faint, "d")
	add(s.italic, "i")
	add(s.underline, "u")
	add(s.crossed, "x")
	add(s.reverse, "r")
	add(fg > 0, "f"+strconv.Itoa(int(fg)-1))
	add(bg > 0, "g"+strconv.Itoa(int(bg)-1))
	return strings.Join(names, " ")
}

// set takes in the parameters of one SGR sequence. What it does not know it
// leaves out.
func (s *style) set(parameters string) {
	numbers := parse(parameters)
	for i := 0; i < len(numbers); i++ {
		switch n := numbers[i]; n {
		case 38, 48:
			color, used := extended(numbers[i+1:])
			i += used
			if color == 0 {
				continue
			}
			if n == 38 {
				s.fg = color
			} else {
				s.bg = color
			}
		default:
			s.one(n)
		}
	}
}

// one takes in an SGR parameter that stands alone.
func (s *style) one(n int) {
	switch n {
	case 0:
		*s = style{}
	case 1:
		s.bold = true
	case 2:
		s.faint = true
	case 3:
		s.italic = true
	case 4, 21:
		s.underline = true
	case 7:
		s.reverse = true
	case 9:
		s.crossed = true
	case 22:
		s.bold, s.faint = false, false
	case 23:
		s.italic = false
	case 24:
		s.underline = false
	case 27:
		s.reverse = false
	case 29:
		s.crossed = false
	case 39:
		s.fg = 0
	case 49:
		s.bg = 0
	default:
		s.base(n)
	}
}

// base takes in one of the first 16 colours.
func (s *style) base(n int) {
	switch {
	case n >= 30 && n <= 37:
		s.fg = int16(n - 30 + 1)
	case n >= 40 && n <= 47:
		s.bg = int16(n - 40 + 1)
	case n >= 90 && n <= 97:
		s.fg = int16(n - 90 + 8 + 1)
	case n >= 100 && n <= 107:
		s.bg = int16(n - 100 + 8 + 1)
	}
}

// parse reads numbers between semicolons or colons; one left out is 0, and so
// is one that is too large to mean anything.
func parse(parameters string) []int {
	fields := strings.FieldsFunc(strings.ReplaceAll(";"+parameters, ";", "; "), func(r rune) bool { return r == ';' || r == ':' })
	numbers := make([]int, 0, len(fields))
	for _, f := range fields {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 0 || n > 1000 {
			n = 0
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// extended reads the colour after 38 or 48: "5;n" or "2;r;g;b". It returns the
// index plus one, 0 if there is none, and how many numbers it took.
func extended(numbers []int) (color int16, used int) {
	switch {
	case len(numbers) >= 2 && numbers[0] == 5:
		if n := numbers[1]; n < 256 {
			return int16(n + 1), 2
		}
		return 0, 2
	case len(numbers) >= 4 && numbers[0] == 2:
		return int16(nearest(numbers[1], numbers[2], numbers[3]) + 1), 4
	}
	return 0, len(numbers)
}

// nearest is the index in the cube of 6×6×6 colours nearest to one of 256³.
func nearest(r, g, b int) int {
	step := func(v int) int {
		switch v = min(v, 255); {
		case v < 48:
			return 0
		case v < 115:
			return 1
		}
		return (v - 35) / 40
	}
	return 16 + 36*step(r) + 6*step(g) + step(b)
}

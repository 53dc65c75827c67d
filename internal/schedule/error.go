package schedule

import "fmt"

// Error says what is wrong with an expression, where, and what to write
// instead.
type Error struct {
	Pos  int    // byte offset in the expression, from 0
	Len  int    // bytes that are wrong; 0 where something is missing
	Msg  string // what is wrong
	Hint string // what to do, or empty

	char int // Pos in characters, for people
}

// Error is one line; characters are counted from 1, for people.
func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s (character %d)", e.Msg, e.char+1)
	}
	return fmt.Sprintf("%s (character %d): %s", e.Msg, e.char+1, e.Hint)
}

// fail blames a token.
func (t token) fail(hint, format string, args ...any) *Error {
	return &Error{Pos: t.pos, Len: len(t.text), Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// nearest is the word closest to a misspelt one, or empty when none is close.
func nearest(got string, words []string) string {
	best, at := "", 3
	for _, w := range words {
		if d := distance(got, w); d < at && d < len(w) {
			best, at = w, d
		}
	}
	return best
}

// distance is the number of edits between two short words.
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

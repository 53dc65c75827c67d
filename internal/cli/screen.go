package cli

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"
)

// Writers to Kafka choose names, reasons and much else that is
// shown, and a terminal obeys what is hidden in it. So everything the program
// writes goes through a screen, and no path can forget to.

// obeyed reports whether a terminal would do something at r other than show
// it: control characters of both sets, and those that turn the direction of
// text or end a line.
func obeyed(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r <= 0x9f,
		r == 0x061c, r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029,
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// oneLine is text as a cell or a part of a line: blanks for what would break
// the line, and nothing that a terminal obeys.
func oneLine(text string) string {
	return printable(strings.Map(func(r rune) rune {
		switch r {
		case '\n', '\r', '\t', '\v', '\f':
			return ' '
		}
		return r
	}, text))
}

// printable escapes what a terminal obeys, all but new lines and tabs, as JSON
// does: in JSON the text stays the same. What is no UTF-8 becomes U+FFFD.
func printable(text string) string {
	if shown(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if obeyed(r) && r != '\n' && r != '\t' {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// shown reports whether text is printable already, as most is.
func shown(text string) bool {
	for i, r := range text {
		if obeyed(r) && r != '\n' && r != '\t' {
			return false
		}
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			return false
		}
	}
	return true
}

// screen writes only what is printable to w. A character that is cut in two
// by the writes is put together again.
type screen struct {
	w io.Writer

	mu   sync.Mutex
	rest []byte
}

// Write is for the io.Writer interface.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(append(s.rest, p...))
	whole := len(text) - cutOff(text)
	s.rest = []byte(text[whole:])
	if whole == 0 {
		return len(p), nil
	}
	// A line may end as on a teletype; alone, a return would overwrite it.
	_, err := io.WriteString(s.w, printable(strings.ReplaceAll(text[:whole], "\r\n", "\n")))
	return len(p), err
}

// cutOff is how many bytes at the end of text may be the beginning of
// something longer.
func cutOff(text string) int {
	if strings.HasSuffix(text, "\r") {
		return 1
	}
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRuneInString(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// flat makes one line of each text among the arguments of a format, whose own
// line ends are the only ones.
func flat(args []any) []any {
	all := make([]any, 0, len(args))
	for _, arg := range args {
		if v := reflect.ValueOf(arg); v.Kind() == reflect.String {
			arg = oneLine(v.String())
		}
		all = append(all, arg)
	}
	return all
}

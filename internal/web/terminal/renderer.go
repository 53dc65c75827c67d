package terminal

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxLine is how many bytes of output one line of a page holds at most.
	MaxLine = 8 << 10
	// MaxSequence is how long a control sequence may be before it counts as over.
	MaxSequence = 4 << 10
)

// Line is one line of a page.
type Line struct {
	// HTML is safe to be put between tags: text, and spans with classes.
	HTML string
	// Continues says that the line is the rest of the one before, which was too
	// long.
	Continues bool
}

// state is where the parser is in a control sequence.
type state int

const (
	ground state = iota
	escape
	csi
	text   // of a sequence that holds text: nothing of it is shown
	closed // text, and an escape that may close it
)

// Renderer renders what a command writes to one stream. The zero Renderer is
// ready.
type Renderer struct {
	style style // what the next character will look like
	open  style // what the span that is open looks like

	line      strings.Builder
	size      int // bytes of output in line
	continues bool
	cr        bool // a carriage return was the last character

	state    state
	sequence []byte // parameters of a csi
	length   int    // of the sequence up to now
	rest     []byte // the beginning of a character
}

// Write takes in the next bytes and returns the lines that ended in them.
func (r *Renderer) Write(data []byte) []Line {
	if len(r.rest) > 0 {
		data = append(r.rest, data...)
		r.rest = nil
	}
	var lines []Line
	for len(data) > 0 {
		if !utf8.FullRune(data) {
			r.rest = append([]byte(nil), data...)
			break
		}
		c, size := utf8.DecodeRune(data)
		if c == '\n' {
			r.state = ground // no sequence hides what is in other lines
		}
		if r.state != ground {
			r.control(c, size)
		} else {
			lines = r.character(lines, c, data[:size])
		}
		data = data[size:]
	}
	return lines
}

// Flush returns the line that has no end yet, and false if there is none. What
// is written next begins a new line.
func (r *Renderer) Flush() (Line, bool) {
	for _, b := range r.rest {
		r.sign(fmt.Sprintf(`\x%02X`, b), 1)
	}
	r.rest, r.state, r.cr = nil, ground, false
	if r.size == 0 {
		return Line{}, false
	}
	l := r.end()
	r.continues = false
	return l, true
}

// character takes in one character outside of any sequence.
func (r *Renderer) character(lines []Line, c rune, raw []byte) []Line {
	if r.cr && c != '\n' {
		r.restart() // as a progress bar does: what follows takes the place of the line
	}
	r.cr = false
	switch {
	case c == '\n':
		lines = append(lines, r.end())
		r.continues = false
		return lines
	case c == '\r':
		r.cr = true
		return lines
	case c == 0x1b:
		r.state, r.length, r.sequence = escape, 0, r.sequence[:0]
		return lines
	case c == '\t':
		r.plain("\t", 1)
	case c == utf8.RuneError && len(raw) == 1:
		r.sign(fmt.Sprintf(`\x%02X`, raw[0]), 1)
	case c < 0x20:
		r.sign(string(rune(0x2400)+c), 1)
	case c == 0x7f:
		r.sign("\u2421", 1)
	case hidden(c):
		r.sign(fmt.Sprintf("U+%04X", c), len(raw))
	default:
		r.plain(html.EscapeString(string(c)), len(raw))
	}
	if r.size >= MaxLine {
		lines = append(lines, r.end())
		r.continues = true
	}
	return lines
}

// hidden reports whether a character would not be seen, or would move others:
// controls, marks of direction, of no width, tags and private ones.
func hidden(c rune) bool {
	return unicode.Is(unicode.C, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) ||
		c == 0x115F || c == 0x1160 || c == 0x3164 || c == 0xFFA0 // fillers that have no width
}

// plain adds text that is safe already, in the current style.
func (r *Renderer) plain(safe string, size int) {
	if r.style != r.open || r.size == 0 {
		r.shut()
		if r.style != (style{}) {
			fmt.Fprintf(&r.line, `<span class="%s">`, r.style.classes())
		}
		r.open = r.style
	}
	r.line.WriteString(safe)
	r.size += size
}

// sign adds the name of what cannot be shown.
func (r *Renderer) sign(name string, size int) {
	r.shut()
	fmt.Fprintf(&r.line, `<span class="ctl">%s</span>`, html.EscapeString(name))
	r.size += size
}

func (r *Renderer) shut() {
	if r.open != (style{}) {
		r.line.WriteString("</span>")
	}
	r.open = style{}
}

func (r *Renderer) end() Line {
	r.shut()
	l := Line{HTML: r.line.String(), Continues: r.continues}
	r.line.Reset()
	r.size = 0
	return l
}

func (r *Renderer) restart() {
	r.line.Reset()
	r.size, r.open = 0, style{}
}

// control takes in one character of a sequence.
func (r *Renderer) control(c rune, size int) {
	if r.length += size; r.length > MaxSequence {
		r.state = ground
		return
	}
	switch r.state {
	case escape:
		r.state = map[rune]state{'[': csi, ']': text, 'P': text, 'X': text, '^': text, '_': text}[c]
	case csi:
		r.parameter(c)
	case text:
		switch c {
		case 0x07, 0x9c:
			r.state = ground
		case 0x1b:
			r.state = closed
		}
	case closed:
		r.state = text
		if c == '\\' {
			r.state = ground
		}
	case ground:
	}
}

// parameter takes in one character of a control sequence.
func (r *Renderer) parameter(c rune) {
	switch {
	case c >= 0x20 && c <= 0x3f:
		r.sequence = append(r.sequence, byte(c))
	case c == 'm':
		if len(r.sequence) == 0 || r.sequence[0] < '<' { // else it is somebody's own
			r.style.set(string(r.sequence))
		}
		r.state = ground
	default: // a final byte, or what belongs to no sequence
		r.state = ground
	}
}

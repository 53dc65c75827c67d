package job

import "strings"

// plain reads the YAML that nearly all jobs are written in: keys with values
// on their lines, mappings of such below a key, and lists and mappings in
// brackets on one line; values without a backslash. The parser takes ten times
// as long for the same nodes, which a test compares. Whatever else there is,
// plain leaves to the parser, above all what is wrong.
type plain struct {
	source *source
	line   int // the next to be read, from 0
	end    int // behind the last
}

// readPlain reads an item of the list of jobs; nil if it is not that plain.
func readPlain(s *source, i item) *node {
	p := &plain{source: s, line: i.above, end: i.above + strings.Count(strings.TrimSuffix(i.text, "\n"), "\n") + 1}
	for p.line < p.end {
		if _, blank := indentOf(s.lines[p.line]); !blank {
			break
		}
		p.line++
	}
	if p.line == p.end {
		return nil
	}
	text := s.lines[p.line]
	dash, _ := indentOf(text)
	rest := strings.TrimLeft(text[dash+1:], " ")
	indent := len(text) - len(rest)
	var job *node
	switch {
	case !startsItem(text[dash:]):
		return nil
	case strings.HasPrefix(rest, "{"):
		job = p.value(indent, len(strings.TrimRight(text, " ")))
		p.line++
		if p.next() >= 0 {
			return nil
		}
	default:
		job = p.mapping(indent, dash)
	}
	if p.line < p.end {
		return nil
	}
	return job
}

// next skips lines that say nothing, and returns how far the next is indented,
// less than zero if there is none.
func (p *plain) next() int {
	for ; p.line < p.end; p.line++ {
		if width, blank := indentOf(p.source.lines[p.line]); !blank {
			return width
		}
	}
	return -1
}

// mapping reads the lines indented so far, the first of which may hold the
// dash of a list's item at column dash. It ends before a line that is indented
// less; nil if anything is not plain.
func (p *plain) mapping(indent, dash int) *node {
	m := &node{kind: mapping, entries: make([]entry, 0, 8)}
	for {
		text := p.source.lines[p.line]
		key, ok := plainKey(text, indent)
		if !ok || m.has(key) {
			return nil
		}
		e := entry{key: key, at: p.source.find(p.line+1, indent+1, key)}
		at := indent + len(key) + 1
		if len(m.entries) == 0 {
			m.at = p.source.find(p.line+1, at, "") // as the parser has it: the colon
		}
		if rest := strings.TrimRight(text[at:], " "); rest != "" {
			at += len(rest) - len(strings.TrimLeft(rest, " "))
			e.value = p.value(at, indent+len(key)+1+len(rest))
			p.line++
		} else {
			p.line++
			if width := p.next(); width > max(indent, dash) && !startsItem(p.source.lines[p.line][width:]) {
				e.value = p.mapping(width, -1)
			}
		}
		if e.value == nil {
			return nil
		}
		m.entries = append(m.entries, e)
		switch width := p.next(); {
		case width < indent:
			return m
		case width > indent:
			return nil
		}
	}
}

func (n *node) has(key string) bool {
	for i := range n.entries {
		if n.entries[i].key == key {
			return true
		}
	}
	return false
}

// plainKey is the word before the colon at a place in a line.
func plainKey(text string, at int) (key string, ok bool) {
	end := at
	for end < len(text) && (legal(text[end:end+1], "_") || end > at && strings.IndexByte("./-", text[end]) >= 0) {
		end++
	}
	key = text[at:end]
	colon := end < len(text) && text[end] == ':' && (end+1 == len(text) || text[end+1] == ' ')
	return key, colon && key != "" && !saysNothing(key)
}

// saysNothing reports whether YAML takes a word for no value.
func saysNothing(text string) bool { return strings.EqualFold(text, "null") || text == "~" }

// value reads what stands between two columns of the line.
func (p *plain) value(from, to int) *node {
	n, at := p.part(from, to, false)
	if n == nil || at != to {
		return nil
	}
	return n
}

// part reads a value and says where it ends: at the end of the line, or in
// brackets before what follows there.
func (p *plain) part(from, to int, inside bool) (n *node, end int) {
	if from >= to {
		return nil, from
	}
	text := p.source.lines[p.line][:to]
	switch ch := text[from]; {
	case ch == '"' || ch == '\'':
		length := strings.IndexByte(text[from+1:], ch)
		if length < 0 || strings.Contains(text[from+1:from+1+length], `\`) {
			return nil, from
		}
		end = from + length + 2
		if end < to && text[end] == '\'' {
			return nil, from
		}
		return p.scalar(from, text[from+1:end-1], false), end
	case ch == '{' || ch == '[':
		if inside {
			return nil, from
		}
		return p.brackets(from, to)
	case !legal(text[from:from+1], "/._"):
		return nil, from
	}
	end = to
	if inside {
		end = from + max(strings.IndexAny(text[from:], ",]}"), 0)
	}
	word := strings.TrimRight(text[from:end], " ")
	if saysNothing(word) || !plainWord(word, inside) {
		return nil, from
	}
	return p.scalar(from, word, true), end
}

// plainWord reports whether a value without quotes means itself.
func plainWord(word string, inside bool) bool {
	for i := range len(word) {
		switch ch := word[i]; {
		case ch < ' ' || ch > '~':
			return false
		case inside && strings.IndexByte(`[]{}"':`, ch) >= 0:
			return false
		case ch == ':' && (i+1 == len(word) || word[i+1] == ' '):
			return false
		case ch == '#' && word[i-1] == ' ': // never the first
			return false
		}
	}
	return word != ""
}

func (p *plain) scalar(at int, text string, bare bool) *node {
	return &node{kind: scalar, text: text, bare: bare, at: p.source.find(p.line+1, at+1, text)}
}

// brackets reads a list or a mapping in brackets, of values without any.
func (p *plain) brackets(from, to int) (n *node, end int) {
	text := p.source.lines[p.line][:to]
	closing := byte(']')
	n = &node{kind: list, at: p.source.find(p.line+1, from+1, "")}
	if text[from] == '{' {
		n.kind, closing = mapping, '}'
	}
	for at := skipBlanks(text, from+1); ; at = skipBlanks(text, at+1) {
		e := entry{}
		if n.kind == mapping {
			var ok bool
			if e.key, ok = plainKey(text, at); !ok || n.has(e.key) {
				return nil, from
			}
			e.at = p.source.find(p.line+1, at+1, e.key)
			at = skipBlanks(text, at+len(e.key)+1)
		}
		e.value, at = p.part(at, to, true)
		if e.value == nil {
			return nil, from
		}
		if n.kind == mapping {
			n.entries = append(n.entries, e)
		} else {
			n.items = append(n.items, e.value)
		}
		at = skipBlanks(text, at)
		switch {
		case at < to && text[at] == closing:
			return n, at + 1
		case at == to || text[at] != ',':
			return nil, from
		}
	}
}

func skipBlanks(text string, at int) int {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	return at
}

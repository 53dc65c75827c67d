package job

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// outline is a YAML file that ends with its jobs, one list item after the
// other, as nearly all do: the head is small, and the jobs can be read one at
// a time. A tree of all of them takes fifty times the room of their text.
type outline struct {
	head  string // up to and with the line "jobs:"
	items []item
}

// item is one of the list of jobs, with its dash, below so many lines.
type item struct {
	above int
	text  string
}

// newOutline cuts a file up; not ok if it has another shape. It looks only at
// how far lines are indented: where that misleads, in the middle of a text in
// quotes, the item before the cut is no YAML, and whoever reads it must read
// the file as a whole.
func newOutline(s *source) (o outline, ok bool) {
	header := slices.IndexFunc(s.lines, isJobsLine)
	if header < 0 {
		return o, false
	}
	first, indent := firstItem(s.lines[header+1:])
	if indent < 0 {
		return o, false
	}
	at := 0 // of the line, in the text
	for _, line := range s.lines[:header+1] {
		at += len(line) + 1
	}
	o.head = s.text[:at]
	begin, above := at, header+1
	for i, line := range s.lines[header+1:] {
		width, blank := indentOf(line)
		switch {
		case blank || width > indent:
		case width < indent || !startsItem(line[width:]):
			return outline{}, false
		case i > first:
			o.items = append(o.items, item{above, s.text[begin:at]})
			begin, above = at, header+1+i
		}
		at = min(at+len(line)+1, len(s.text))
	}
	o.items = append(o.items, item{above, s.text[begin:]})
	return o, true
}

// isJobsLine reports whether a line says "jobs:" and nothing else.
func isJobsLine(line string) bool {
	rest, found := strings.CutPrefix(line, "jobs:")
	comment := strings.TrimLeft(rest, " ")
	return found && (comment == "" || comment[0] == '#' && len(comment) < len(rest))
}

// firstItem finds the first item of a list and how far it is indented; less
// than zero if something else comes first.
func firstItem(lines []string) (first, indent int) {
	for i, line := range lines {
		width, blank := indentOf(line)
		switch {
		case blank:
		case startsItem(line[width:]):
			return i, width
		default:
			return i, -1
		}
	}
	return 0, -1
}

// indentOf counts the blanks a line begins with. Comments are blank, too.
func indentOf(line string) (width int, blank bool) {
	rest := strings.TrimLeft(line, " ")
	return len(line) - len(rest), rest == "" || rest[0] == '#'
}

func startsItem(text string) bool { return text == "-" || strings.HasPrefix(text, "- ") }

// readHead returns the root of the file without its jobs, and what is wrong
// with its form; nil if that is not what the outline takes it for.
func (t *tree) readHead(o outline) (*node, []Problem) {
	root, problems := t.document(o.head)
	if root == nil || root.kind != mapping || len(root.entries) == 0 {
		return nil, nil
	}
	last := root.entries[len(root.entries)-1]
	if last.key != "jobs" || last.merged || last.value == nil || last.value.kind != nothing {
		return nil, nil
	}
	return root, problems
}

// readItem returns the job of an item, nil if its form is at fault; not ok if
// the item is no YAML, or nothing, which has no place of its own.
func (t *tree) readItem(i item) (job *node, problem *Problem, ok bool) {
	t.above = i.above
	file, problem := t.parse(i.text)
	if problem != nil || len(file.Docs) != 1 {
		return nil, problem, false
	}
	list, isList := file.Docs[0].Body.(*ast.SequenceNode)
	if !isList || len(list.Values) != 1 || list.Values[0].Type() == ast.NullType {
		return nil, nil, false
	}
	return t.node(list.Values[0]), nil, true
}

package job

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// kind is what a node of a YAML file is.
type kind string

const (
	scalar  kind = "a value"
	list    kind = "a list"
	mapping kind = "a mapping"
	nothing kind = "nothing"
)

// node is a YAML value with its aliases and merge keys resolved. An anchored
// node is shared by all that name it, never copied.
type node struct {
	kind kind
	at   place

	// text is a scalar as written, without its quotes: job files never need
	// to know whether YAML takes 1.10 for a number. bare: it had no quotes.
	text string
	bare bool

	entries []entry
	items   []*node
}

// found says what n is, for a message about what was expected in its place.
func (n *node) found() string {
	const longest = 40
	if n.kind == scalar && len(n.text) <= longest {
		return fmt.Sprintf("%q", n.text)
	}
	return string(n.kind)
}

// entry is one key of a mapping. merged: it came by a merge key.
type entry struct {
	key    string
	at     place
	value  *node
	merged bool
}

// tree builds nodes from the YAML of one file, or of a part of it that begins
// below a number of lines.
type tree struct {
	source   *source
	above    int
	anchors  map[string]*node
	problems []Problem
}

// readTree returns the root of a YAML file and what is wrong with its form.
// The root is nil if it cannot be read at all.
func readTree(s *source) (*node, []Problem) { return newTree(s).document(s.text) }

func newTree(s *source) *tree { return &tree{source: s, anchors: map[string]*node{}} }

// document is readTree of a text that is the file or its beginning.
func (t *tree) document(text string) (*node, []Problem) {
	s := t.source
	file, p := t.parse(text)
	if p != nil {
		return nil, []Problem{*p}
	}
	bodies := file.Docs[:0]
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc)
		}
	}
	if len(bodies) == 0 {
		return nil, []Problem{s.problem(place{line: 1, column: 1}, "", "the file holds no jobs",
			"a file without jobs says so: jobs: []")}
	}
	if d, ok := bodies[0].Body.(*ast.DirectiveNode); ok {
		return nil, []Problem{s.problem(t.place(d), "", "YAML directives are not used in job files", "remove the line")}
	}
	if len(bodies) > 1 {
		at := t.place(bodies[1].Body)
		if start := bodies[1].Start; start != nil {
			at = t.position(start)
		}
		return nil, []Problem{s.problem(at, "", "a second YAML document", "a job file holds one: put the other into a file of its own")}
	}
	root := t.node(bodies[0].Body)
	return root, t.problems
}

// parse runs the YAML parser. It answers a fault of the parser's own as a
// problem of the file: whoever watches a folder of files must survive it.
func (t *tree) parse(text string) (file *ast.File, problem *Problem) {
	defer func() {
		if r := recover(); r != nil {
			p := t.source.problem(place{line: 1, column: 1}, "", fmt.Sprintf("the YAML parser failed: %v", r), "write the file in a plainer way")
			file, problem = nil, &p
		}
	}()
	tokens := lexer.Tokenize(text)
	if deep := tooDeep(tokens); deep != nil {
		p := t.source.problem(t.position(deep), "", fmt.Sprintf("nested more than %d levels deep", maxDepth), "a job needs five")
		return nil, &p
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	at, message := place{line: 1, column: 1}, err.Error()
	if syntax, ok := errors.AsType[yaml.Error](err); ok {
		message = syntax.GetMessage()
		at = t.position(syntax.GetToken())
	}
	p := t.source.problem(at, "", "not YAML: "+strings.ReplaceAll(message, "\t", `\t`), syntaxHint(message, t.source.lines[at.line-1]))
	return nil, &p
}

// syntaxHint names the usual cause of a syntax error in a line: a value that
// begins with a letter YAML keeps for itself.
func syntaxHint(message, line string) string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	if strings.Contains(indent, "\t") {
		return "indent with spaces, not with tabs"
	}
	key, value, found := strings.Cut(strings.TrimSpace(line), ": ")
	value = strings.TrimSpace(value)
	if found && value != "" && strings.ContainsAny(value[:1], "*@&!%`") {
		return fmt.Sprintf(`a value that begins with %s needs quotes: %s: "…"`, value[:1], strings.TrimPrefix(key, "- "))
	}
	if strings.Contains(value, ": ") && strings.Contains(message, "mapping value is not allowed") {
		return `a value that holds ": " needs quotes`
	}
	return ""
}

// tooDeep returns the token at which brackets, or indicators on one line with
// neither bracket nor comma between, nest too deep, else nil. (By indentation alone, a file of the greatest
// length nests some thousands of levels, which the parser bears.)
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, indicators, line := 0, 0, 0
	for _, tk := range tokens {
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
			indicators = 0
		case token.MappingEndType, token.SequenceEndType:
			brackets--
			indicators = 0
		case token.CollectEntryType:
			indicators = 0
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.AnchorType, token.TagType:
			if tk.Position.Line != line {
				indicators, line = 0, tk.Position.Line
			}
			indicators++
		}
		if brackets > maxDepth || indicators > 2*maxDepth {
			return tk
		}
	}
	return nil
}

func (t *tree) place(n ast.Node) place { return t.position(n.GetToken()) }

func (t *tree) position(tk *token.Token) place {
	if tk == nil || tk.Position == nil {
		return place{line: 1, column: 1}
	}
	return t.find(tk, "")
}

// find is the place of a token's value.
func (t *tree) find(tk *token.Token, value string) place {
	return t.source.find(t.above+tk.Position.Line, tk.Position.Column, value)
}

func (t *tree) fail(at place, message, hint string) {
	if len(t.problems) > maxProblems {
		return
	}
	t.problems = append(t.problems, t.source.problem(at, "", message, hint))
}

// node converts one value. What it cannot convert it reports, and returns as
// nil: whoever reads the tree skips it without a second report.
func (t *tree) node(n ast.Node) *node {
	switch v := n.(type) {
	case nil:
		return &node{kind: nothing, at: place{line: 1, column: 1}}
	case *ast.NullNode:
		return &node{kind: nothing, at: t.place(n), text: n.GetToken().Value}
	case *ast.StringNode:
		tk := v.GetToken()
		at := t.find(tk, v.Value)
		return &node{kind: scalar, text: v.Value, bare: tk.Type == token.StringType, at: at}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		tk := n.GetToken()
		at := t.find(tk, tk.Value)
		return &node{kind: scalar, text: tk.Value, bare: true, at: at}
	case *ast.LiteralNode:
		return &node{kind: scalar, text: v.Value.Value, at: t.place(n)}
	case *ast.MappingNode:
		return t.mapping(t.place(n), v.Values)
	case *ast.MappingValueNode:
		return t.mapping(t.place(v.Key), []*ast.MappingValueNode{v})
	case *ast.SequenceNode:
		items := make([]*node, len(v.Values))
		for i, item := range v.Values {
			items[i] = t.node(item)
		}
		return &node{kind: list, at: t.place(n), items: items}
	case *ast.AnchorNode:
		value := t.node(v.Value)
		t.anchors[nameOf(v.Name)] = value
		return value
	case *ast.AliasNode:
		return t.alias(v)
	case *ast.TagNode:
		t.fail(t.place(n), "YAML tags are not used in job files", "quote the value to make it a string")
		return nil
	default:
		t.fail(t.place(n), "unexpected "+n.Type().YAMLName(), "")
		return nil
	}
}

func nameOf(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

// alias returns the node an alias names. An anchor counts only once it is
// complete, so that nothing can contain itself.
func (t *tree) alias(v *ast.AliasNode) *node {
	name := nameOf(v.Value)
	if value, ok := t.anchors[name]; ok {
		return value
	}
	names := make([]string, 0, len(t.anchors))
	for known := range t.anchors {
		names = append(names, known)
	}
	hint := "an anchor stands before its aliases: &" + name
	if near := nearest(name, sortedNames(names)); near != "" {
		hint = "did you mean *" + near + "?"
	}
	t.fail(t.place(v), fmt.Sprintf("no anchor is named %q", name), hint)
	return nil
}

// mapping converts a mapping: keys of its own first, then those of its merge
// keys that it has not itself.
func (t *tree) mapping(at place, values []*ast.MappingValueNode) *node {
	m := &node{kind: mapping, at: at}
	index := map[string]place{}
	var merges []*node
	for _, v := range values {
		key, ok := t.key(v.Key)
		if !ok {
			continue
		}
		if first, twice := index[key.text]; twice {
			t.fail(key.at, fmt.Sprintf("%q is written twice", key.text), "first at "+first.String())
			continue
		}
		index[key.text] = key.at
		value := t.node(v.Value)
		if v.Key.IsMergeKey() {
			merges = append(merges, t.merged(value)...)
			continue
		}
		if value != nil && value.kind == nothing {
			value = &node{kind: nothing, at: key.at, text: value.text}
		}
		m.entries = append(m.entries, entry{key: key.text, at: key.at, value: value})
	}
	for _, from := range merges {
		for _, e := range from.entries {
			if _, own := index[e.key]; !own {
				index[e.key] = e.at
				e.merged = true
				m.entries = append(m.entries, e)
			}
		}
	}
	return m
}

// key converts the key of a mapping.
func (t *tree) key(k ast.MapKeyNode) (*node, bool) {
	if k.IsMergeKey() {
		return &node{text: "<<", at: t.place(k)}, true
	}
	var n ast.Node = k
	if explicit, ok := n.(*ast.MappingKeyNode); ok {
		n = explicit.Value
	}
	key := t.node(n)
	if key == nil {
		return nil, false
	}
	if key.kind != scalar {
		t.fail(t.place(k), "a key must be a word, not "+string(key.kind), "")
		return nil, false
	}
	return key, true
}

// merged returns the mappings a merge key names.
func (t *tree) merged(value *node) []*node {
	from := []*node{value}
	if value != nil && value.kind == list {
		from = value.items
	}
	mappings := make([]*node, 0, len(from))
	for _, n := range from {
		switch {
		case n == nil: // reported already
		case n.kind != mapping:
			t.fail(n.at, "a merge key takes a mapping or a list of mappings, not "+n.found(), "")
		default:
			mappings = append(mappings, n)
		}
	}
	return mappings
}

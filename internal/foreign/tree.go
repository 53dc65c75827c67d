package foreign

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

// node is a value in a YAML or JSON file. Aliases share the node they name,
// so that a short file stays small.
type node struct {
	line    int
	text    string // of a scalar
	scalar  bool
	keys    []string
	entries map[string]*node
	items   []*node
}

// get follows keys down; it is nil, which has no entries, where one is
// missing.
func (n *node) get(keys ...string) *node {
	for _, k := range keys {
		if n == nil {
			return nil
		}
		n = n.entries[k]
	}
	return n
}

// str is the text of a scalar, empty for all else.
func (n *node) str() string {
	if n == nil {
		return ""
	}
	return n.text
}

// list is the items of a list.
func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

// others are the keys of a mapping but for those named.
func (n *node) others(known ...string) []string {
	if n == nil {
		return nil
	}
	var out []string
	for _, k := range n.keys {
		found := false
		for _, have := range known {
			found = found || have == k
		}
		if !found {
			out = append(out, k)
		}
	}
	return out
}

// maxDepth bounds how deep brackets, or indicators on one line, may nest: the
// parser recurses. A CronJob needs some fifteen levels.
const maxDepth = 64

// documents reads the documents of a YAML file.
func documents(name string, data []byte) (docs []*node, err error) {
	defer func() {
		// The parser has been seen to index past its tokens in broken files.
		if r := recover(); r != nil {
			docs, err = nil, fmt.Errorf("%s: not YAML: the parser failed: %v", name, r)
		}
	}()
	tokens := lexer.Tokenize(strings.Join(lines(data), "\n"))
	if tk := tooDeep(tokens); tk != nil {
		return nil, fmt.Errorf("%s:%d: nested more than %d levels deep", name, tk.Position.Line, maxDepth)
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, message := 1, err.Error()
		if syntax, ok := errors.AsType[yaml.Error](err); ok {
			message = syntax.GetMessage()
			if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
				line = tk.Position.Line
			}
		}
		if strings.Contains(string(data), "{{") {
			message += " (a template must be rendered first, as \"helm template\" does)"
		}
		return nil, fmt.Errorf("%s:%d: not YAML: %s", name, line, message)
	}
	for _, d := range file.Docs {
		b := &builder{anchors: map[string]*node{}}
		docs = append(docs, b.node(d.Body))
	}
	return docs, nil
}

func tooDeep(tokens token.Tokens) *token.Token {
	brackets, indicators, line := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			indicators, line = 0, tk.Position.Line
		}
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		case token.CollectEntryType:
			indicators = 0
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.AnchorType, token.TagType:
			indicators++
		}
		if brackets > maxDepth || indicators > 2*maxDepth {
			return tk
		}
	}
	return nil
}

// builder makes nodes of the parser's tree.
type builder struct{ anchors map[string]*node }

func (b *builder) node(n ast.Node) *node {
	out := &node{line: 1}
	if n == nil {
		return out
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		out.line = tk.Position.Line
	}
	switch v := n.(type) {
	case *ast.StringNode:
		out.scalar, out.text = true, v.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		out.scalar, out.text = true, n.GetToken().Value
	case *ast.LiteralNode:
		out.scalar, out.text = true, v.Value.Value
	case *ast.MappingNode:
		b.mapping(out, v.Values)
	case *ast.MappingValueNode:
		b.mapping(out, []*ast.MappingValueNode{v})
	case *ast.SequenceNode:
		for _, item := range v.Values {
			out.items = append(out.items, b.node(item))
		}
	case *ast.AnchorNode:
		value := b.node(v.Value)
		b.anchors[v.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		if value, ok := b.anchors[v.Value.GetToken().Value]; ok {
			return value
		}
	case *ast.TagNode:
		return b.node(v.Value)
	}
	return out
}

func (b *builder) mapping(out *node, values []*ast.MappingValueNode) {
	out.entries = map[string]*node{}
	if len(values) > 0 {
		if tk := values[0].Key.GetToken(); tk != nil && tk.Position != nil {
			out.line = tk.Position.Line
		}
	}
	var merged []*node
	for _, v := range values {
		value := b.node(v.Value)
		if v.Key.IsMergeKey() {
			merged = append(merged, value)
			merged = append(merged, value.items...)
			continue
		}
		out.set(b.node(v.Key).text, value)
	}
	for _, from := range merged {
		for _, k := range from.keys {
			if _, own := out.entries[k]; !own {
				out.set(k, from.entries[k])
			}
		}
	}
}

func (n *node) set(key string, value *node) {
	if _, twice := n.entries[key]; !twice {
		n.keys = append(n.keys, key)
	}
	n.entries[key] = value
}

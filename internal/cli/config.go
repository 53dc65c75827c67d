package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml/ast"
	yamlparser "github.com/goccy/go-yaml/parser"
)

// defaultConfig is read when it is there and nothing else was named.
const defaultConfig = "belfry.yaml"

// configPath is the --config flag.
type configPath string

// BeforeResolve reads the settings file before flags are resolved, since it
// is one of the places they come from.
func (g *grammar) BeforeResolve(ctx *kong.Context) error {
	path := ""
	for _, flag := range ctx.Flags() {
		if flag.Name == "config" {
			if v, ok := ctx.FlagValue(flag).(configPath); ok {
				path = string(v)
			}
		}
	}
	named := path != ""
	if !named {
		path = defaultConfig
	}
	data, doubts, err := readSettings(path, named)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	settings, err := parseConfig(path, data, settingNames(ctx.Model))
	if err != nil {
		return err
	}
	g.doubts = append(doubts, settings.doubts()...)
	ctx.AddResolver(settings)
	return nil
}

// settingNames returns the keys a settings file may hold: the flags that also
// have a variable, with _ for -.
func settingNames(app *kong.Application) []string {
	var names []string
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, flag := range n.Flags {
			if len(flag.Envs) > 0 && flag.Name != "config" {
				names = append(names, strings.ReplaceAll(flag.Name, "-", "_"))
			}
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(app.Node)
	slices.Sort(names)
	return slices.Compact(names)
}

// config is a settings file. Its values are resolved for every flag that
// neither the command line nor the environment set.
type config struct {
	path   string
	values map[string]setting
}

type setting struct {
	value        any
	line, column int
}

// doubts are about a file that holds a secret and that others can read.
func (c *config) doubts() []error {
	if _, secret := c.values["sasl_password"]; secret {
		if why := readable(c.path); why != "" {
			return []error{fmt.Errorf("settings file %s holds a password and %s: chmod 600 %s", c.path, why, c.path)}
		}
	}
	return nil
}

// Validate is for the kong.Resolver interface: parseConfig has done it.
func (c *config) Validate(*kong.Application) error { return nil }

// Resolve is for the kong.Resolver interface.
func (c *config) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if len(flag.Envs) == 0 {
		return nil, nil
	}
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	s, ok := c.values[strings.ReplaceAll(flag.Name, "-", "_")]
	if !ok {
		return nil, nil
	}
	if flag.Enum != "" && !slices.Contains(flag.EnumSlice(), fmt.Sprint(s.value)) {
		return nil, fmt.Errorf("%s:%d:%d: must be one of %s, not %v", c.path, s.line, s.column,
			strings.Join(flag.EnumSlice(), ", "), s.value)
	}
	return s.value, nil
}

// parseConfig reads a settings file: one mapping of known names to a value or
// a list of values. All that is wrong with it is said at once.
func parseConfig(path string, data []byte, known []string) (*config, error) {
	file, err := yamlparser.ParseBytes(data, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := &config{path: path, values: map[string]setting{}}
	var wrong []error
	complain := func(n ast.Node, format string, args ...any) {
		at := n.GetToken().Position
		wrong = append(wrong, fmt.Errorf("%s:%d:%d: %s", path, at.Line, at.Column, fmt.Sprintf(format, args...)))
	}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue
		}
		for _, pair := range pairs(doc.Body) {
			name := pair.Key.GetToken().Value
			if !slices.Contains(known, name) {
				complain(pair.Key, "unknown setting %q; known are %s", name, strings.Join(known, ", "))
				continue
			}
			value, ok := settingValue(pair.Value)
			if !ok {
				complain(pair.Key, "%s must be a value or a list of values", name)
				continue
			}
			at := pair.Value.GetToken().Position
			c.values[name] = setting{value, at.Line, at.Column}
		}
		if doc.Body.Type() != ast.MappingType && doc.Body.Type() != ast.MappingValueType {
			complain(doc.Body, "expected settings of the form name: value")
		}
	}
	return c, errors.Join(wrong...)
}

func pairs(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// settingValue returns a scalar's text, or a list's joined by commas, which
// is how the same setting is written on the command line.
func settingValue(n ast.Node) (any, bool) {
	if list, ok := n.(*ast.SequenceNode); ok {
		var items []string
		for _, item := range list.Values {
			text, ok := scalar(item)
			if !ok {
				return nil, false
			}
			items = append(items, text)
		}
		return strings.Join(items, ","), true
	}
	text, ok := scalar(n)
	if b, isBool := n.(*ast.BoolNode); isBool {
		return b.Value, true
	}
	return text, ok
}

func scalar(n ast.Node) (string, bool) {
	s, ok := n.(ast.ScalarNode)
	if !ok || n.Type() == ast.NullType {
		return "", false
	}
	return fmt.Sprint(s.GetValue()), true
}

package topic_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const schemas = "../../docs/schema"

func schema(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	compiled, err := c.Compile(filepath.Join(schemas, kind+".json"))
	require.NoError(t, err)
	return compiled
}

func parse(t *testing.T, value []byte) any {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	require.NoError(t, err)
	return parsed
}

func TestRecordsFitTheirSchema(t *testing.T) {
	for _, file := range slices.Concat(fixtures(t, "v0"), fixtures(t, "v1")) {
		t.Run(file, func(t *testing.T) {
			require.NoError(t, schema(t, kindOf(file)).Validate(parse(t, read(t, file))))
		})
	}
}

func TestSchemasRefuse(t *testing.T) {
	for name, c := range map[string]struct{ fixture, from, to string }{
		"a run of a later version": {"run.json", `"v": 1`, `"v": 2`},
		"a run without a fence":    {"run.json", `"fence"`, `"fences"`},
		"a run without a command":  {"run-minimal.json", `"true"`, ``},
		"an unknown overlap":       {"job.json", `"skip"`, `"sometimes"`},
		"an unknown event":         {"event-claimed.json", `"claimed"`, `"grabbed"`},
		"a local time":             {"event-claimed.json", `2026-03-29T01:40:00Z`, `2026-03-29 01:40`},
		"an unknown request":       {"command-run.json", `"type": "run"`, `"type": "walk"`},
		"an unknown role":          {"beat-worker.json", `"worker"`, `"leader"`},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata/v1", c.fixture)
			value := string(read(t, file))
			require.Contains(t, value, c.from)
			changed := strings.ReplaceAll(value, c.from, c.to)
			require.Error(t, schema(t, kindOf(file)).Validate(parse(t, []byte(changed))))
		})
	}
}

// TestSchemasNameEveryField keeps the published schemas and the Go types in
// step.
func TestSchemasNameEveryField(t *testing.T) {
	for kind, record := range map[string]any{
		"job": topic.Job{}, "run": run.Run{}, "event": run.Event{}, "command": run.Request{},
		"control": run.Control{}, "dead": run.DeadLetter{}, "output": run.Output{}, "notice": run.Notice{}, "beat": member.Beat{},
		"audit": audit.Record{}, "token": access.Token{},
	} {
		t.Run(kind, func(t *testing.T) {
			var s map[string]any
			require.NoError(t, json.Unmarshal(read(t, filepath.Join(schemas, kind+".json")), &s))
			compare(t, kind, reflect.TypeOf(record), s)
		})
	}
}

func compare(t *testing.T, where string, typ reflect.Type, s map[string]any) {
	t.Helper()
	properties, ok := s["properties"].(map[string]any)
	require.True(t, ok, "%s has no properties", where)
	fields := map[string]reflect.Type{}
	for field := range slices.Values(reflect.VisibleFields(typ)) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options != "embed" {
			fields[name] = field.Type
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(properties)), where)
	for name, field := range fields {
		for field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		if field.Kind() == reflect.Struct && field != reflect.TypeFor[time.Time]() {
			compare(t, where+"."+name, field, properties[name].(map[string]any))
		}
	}
}

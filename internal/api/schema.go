package api

import (
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/belfry-cron/belfry/internal/job"
)

// mend corrects what huma cannot know of the schemas: that records keep fields
// of later releases, and what the bodies are that it is given as bytes.
func mend(doc *huma.OpenAPI) {
	registry := doc.Components.Schemas
	definition := registry.Schema(reflect.TypeFor[job.Job](), true, "Job")
	for _, s := range registry.Map() {
		if s.Type != huma.TypeObject {
			continue
		}
		if _, ok := s.Properties["Unknown"]; ok {
			delete(s.Properties, "Unknown")
			s.Required = without(s.Required, "Unknown")
			s.AdditionalProperties = true
		}
		if env, ok := s.Properties["env"]; ok && len(s.Properties) == 1 { // of a run that is asked for
			env.Nullable = true
		}
		if record, ok := s.Properties["record"]; ok { // JSON in JSON, which looks like bytes
			s.Properties["record"] = &huma.Schema{Description: record.Description}
		}
	}
	streams(doc)
	for _, path := range doc.Paths {
		others(path)
		if path.Put != nil && path.Put.OperationID == "put-job" {
			path.Put.RequestBody = bodyOf(definition)
		}
		if path.Post != nil && (path.Post.OperationID == "plan-jobs" || path.Post.OperationID == "apply-jobs") {
			path.Post.RequestBody = bodyOf(setSchema(definition))
		}
	}
}

// streams says what the operations answer that write themselves.
func streams(doc *huma.OpenAPI) {
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	doc.Paths["/events"].Get.Responses["200"] = &huma.Response{
		Description: "A stream of changes.", Content: map[string]*huma.MediaType{"text/event-stream": text},
	}
	doc.Paths["/runs/{run}/logs"].Get.Responses["200"] = &huma.Response{
		Description: "What the run wrote, or a stream of it.",
		Content:     map[string]*huma.MediaType{"text/plain": text, "application/jsonl": text, "text/event-stream": text},
	}
}

// others adds the status of a dry run, and of a change of what was there, to the
// one that an operation mostly answers with.
func others(path *huma.PathItem) {
	for _, op := range []*huma.Operation{path.Put, path.Post} {
		if op == nil {
			continue
		}
		switch op.OperationID {
		case "put-job":
			op.Responses["201"] = op.Responses["200"]
		case "requeue-dead", "discard-dead", "backfill-job":
			op.Responses["200"] = op.Responses["202"]
		}
	}
}

func bodyOf(s *huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: s}}}
}

// setSchema is that of SetBody.
func setSchema(definition *huma.Schema) *huma.Schema {
	texts := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, MaxItems: new(maxPrune)}
	hours := 1.0
	most := float64(maxHours)
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"jobs"},
		Properties: map[string]*huma.Schema{
			"jobs":     {Type: huma.TypeArray, Items: definition, Description: "Definitions, as PUT takes one."},
			"prune":    describe(texts, "Files or folders: their jobs that the set lacks are removed."),
			"clusters": describe(texts, "Clusters that get topics."),
			"hours":    {Type: huma.TypeInteger, Minimum: &hours, Maximum: &most, Description: "How far ahead a plan looks; 24, if it is not given."},
			"from":     {Type: huma.TypeString, Format: "date-time", Description: "From when on a plan looks; now, if it is not given."},
			"dry_run":  {Type: huma.TypeBoolean, Description: "Only say what an apply would do."},
		},
	}
}

func describe(s *huma.Schema, text string) *huma.Schema {
	own := *s
	own.Description = text
	return &own
}

func without(all []string, one string) []string {
	var kept []string
	for _, s := range all {
		if s != one {
			kept = append(kept, s)
		}
	}
	return kept
}

// exitCode is an optional exit code of a query.
func exitCode(text string) (*int, error) {
	if text == "" {
		return nil, nil
	}
	code, err := strconv.Atoi(text)
	if err != nil {
		return nil, field("query.exit_code", "is a whole number", text)
	}
	return &code, nil
}

// sortedPaths are the paths of the document, in order.
func sortedPaths(doc *huma.OpenAPI) []string { return slices.Sorted(maps.Keys(doc.Paths)) }

package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Page is what all lists take.
type Page struct {
	After string `query:"after" maxLength:"1000" doc:"Go on behind this: next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"At most so many."`
}

// Named is a job in the path.
type Named struct {
	Job string `path:"job" minLength:"1" maxLength:"200" doc:"Name of the job." example:"backup"`
}

// maxLabels bounds the labels of a filter.
const maxLabels = 20

// Labelled is a filter by labels.
type Labelled struct {
	Label []string `query:"label,explode" maxItems:"20" doc:"Only jobs with this label, name=value; several have to hold together."`
}

func (l *Labelled) labels() (map[string]string, error) {
	if len(l.Label) > maxLabels {
		return nil, field("query.label", "may be given 20 times", "")
	}
	all := map[string]string{}
	for _, text := range l.Label {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, field("query.label", "is name=value", text)
		}
		all[name] = value
	}
	return all, nil
}

type jobsInput struct {
	Page
	Labelled
	Text    string `query:"text" maxLength:"200" doc:"Only jobs whose name, description or command holds this text."`
	Cluster string `query:"cluster" maxLength:"100" doc:"Only jobs of this cluster."`
	Health  string `query:"health" enum:"failing,late,running,paused,aside,ok" doc:"Only jobs that fare so."`
}

type jobsOutput struct{ Body history.JobPage }

type jobOutput struct {
	Etag string `header:"Etag" doc:"The version of the definition, for If-Match."`
	Body history.JobRow
}

type definitionsOutput struct {
	Body struct {
		Definitions []history.Definition `json:"definitions"`
	}
}

type putInput struct {
	Named
	IfMatch     string `header:"If-Match" maxLength:"100" doc:"The ETag of the job that was looked at, or * for whatever is in force."`
	IfNoneMatch string `header:"If-None-Match" maxLength:"100" doc:"*: only if there is no such job yet."`
	RawBody     []byte `contentType:"application/json"`
}

type putOutput struct {
	Status int
	Etag   string `header:"Etag" doc:"The version now in force."`
	Body   putBody
}

type putBody struct {
	Job     string `json:"job"`
	Version string `json:"version"`
	Created bool   `json:"created"`
	// Fields are those that changed.
	Fields []string `json:"fields" doc:"The fields that changed."`
}

type deleteInput struct {
	Named
	IfMatch string `header:"If-Match" maxLength:"100" doc:"The ETag of the job that was looked at, or * for whatever is in force."`
}

func (s *server) jobs() {
	const tag = "Jobs"
	route(s, operation{
		id: "list-jobs", method: http.MethodGet, path: "/jobs", tag: tag, role: access.Viewer,
		summary: "List the jobs in force, and how they stand",
	}, s.listJobs)
	route(s, operation{
		id: "get-job", method: http.MethodGet, path: "/jobs/{job}", tag: tag, role: access.Viewer,
		summary: "Get a job", errors: []int{http.StatusNotFound},
		about: "The ETag is the version to give back with PUT and DELETE.",
	}, s.getJob)
	route(s, operation{
		id: "list-definitions", method: http.MethodGet, path: "/jobs/{job}/definitions", tag: tag, role: access.Viewer,
		summary: "List what was applied under the name of a job, newest first", errors: []int{http.StatusNotFound},
	}, s.listDefinitions)
	put := operation{
		id: "put-job", method: http.MethodPut, path: "/jobs/{job}", tag: tag, role: access.Editor, raw: true,
		summary: "Put a job into force", errors: []int{http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusRequestEntityTooLarge},
		about: "The body is a definition, as GET returns it in definition.job; fields left out have their defaults. " +
			"With If-Match the job that was looked at is replaced, with If-None-Match: * a new one is made.",
	}
	route(s, put, s.putJob)
	route(s, operation{
		id: "delete-job", method: http.MethodDelete, path: "/jobs/{job}", tag: tag, role: access.Editor, status: http.StatusNoContent,
		summary: "Take a job out of force", errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
		about: "Its unfinished runs are cancelled.",
	}, s.deleteJob)
}

func (s *server) listJobs(ctx context.Context, who access.Principal, in *jobsInput) (*jobsOutput, error) {
	labels, err := in.labels()
	if err != nil {
		return nil, err
	}
	f := history.JobFilter{
		Text: in.Text, Cluster: in.Cluster, Labels: labels, Health: history.Health(in.Health), After: in.After, Limit: in.Limit,
	}
	v := s.sight(who)
	out := &jobsOutput{Body: history.JobPage{Jobs: []history.JobRow{}}}
	if !v.narrow(&f.Cluster, &f.Labels) {
		return out, nil
	}
	if out.Body, err = s.History.Jobs(ctx, f, s.Now()); err != nil {
		return nil, err
	}
	kept := out.Body.Jobs[:0]
	for i := range out.Body.Jobs {
		if row := &out.Body.Jobs[i]; v.definition(&row.Job.Job) {
			v.show(&row.Job.Job)
			kept = append(kept, *row)
		}
	}
	out.Body.Jobs = kept
	return out, nil
}

func (s *server) getJob(ctx context.Context, who access.Principal, in *Named) (*jobOutput, error) {
	v := s.sight(who)
	row, err := s.History.Job(ctx, in.Job, s.Now())
	if err == nil && !v.definition(&row.Job.Job) {
		err = &history.NoJobError{Job: in.Job}
	}
	if err != nil {
		return nil, err
	}
	v.show(&row.Job.Job)
	return &jobOutput{Etag: quoted(row.Version), Body: row}, nil
}

func (s *server) listDefinitions(ctx context.Context, who access.Principal, in *Named) (*definitionsOutput, error) {
	v := s.sight(who)
	all, err := s.History.Definitions(ctx, in.Job)
	if err == nil && len(all) == 0 {
		err = &history.NoJobError{Job: in.Job}
	}
	if err != nil {
		return nil, err
	}
	out := &definitionsOutput{}
	out.Body.Definitions = []history.Definition{}
	for i := range all {
		// A version that lay outside the scope stays so.
		if d := &all[i]; d.Removed && who.Scope.Whole() || !d.Removed && v.definition(&d.Job.Job) {
			if !d.Removed {
				v.show(&d.Job.Job)
			}
			out.Body.Definitions = append(out.Body.Definitions, *d)
		}
	}
	if len(out.Body.Definitions) == 0 {
		return nil, &history.NoJobError{Job: in.Job}
	}
	return out, nil
}

func (s *server) putJob(ctx context.Context, who access.Principal, in *putInput) (*putOutput, error) {
	seen, err := precondition(in.IfMatch, in.IfNoneMatch)
	if err != nil {
		return nil, err
	}
	j, err := definition(in.RawBody)
	if err != nil {
		return nil, err
	}
	if j.Name != in.Job {
		return nil, field("body.name", "is another name than that of the path", j.Name)
	}
	put, err := s.Steer.PutJob(ctx, who, j, seen)
	if err != nil {
		return nil, err
	}
	out := &putOutput{Status: http.StatusOK, Etag: quoted(put.Version), Body: putBody{Job: j.Name, Version: put.Version, Created: put.Created, Fields: put.Fields}}
	if put.Created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

func (s *server) deleteJob(ctx context.Context, who access.Principal, in *deleteInput) (*struct{}, error) {
	seen, err := precondition(in.IfMatch, "")
	if err != nil {
		return nil, err
	}
	return nil, s.Steer.DeleteJob(ctx, who, in.Job, seen)
}

// precondition is the version that was looked at. A change without it would
// silently undo what somebody else did meanwhile.
func precondition(match, none string) (string, error) {
	match, none = strings.TrimSpace(match), strings.TrimSpace(none)
	switch {
	case match != "" && none != "":
		return "", huma.Error400BadRequest("give If-Match or If-None-Match, not both")
	case none == "*":
		return steer.NoVersion, nil
	case none != "":
		return "", huma.Error400BadRequest("If-None-Match is *")
	case match == "":
		return "", huma.NewError(http.StatusPreconditionRequired,
			"give If-Match with the ETag of the job that was looked at (* for whatever is in force), or If-None-Match: * for a new job")
	case match == "*":
		return steer.AnyVersion, nil
	}
	version, ok := strings.CutPrefix(match, `"`)
	version, closed := strings.CutSuffix(version, `"`)
	if !ok || !closed || version == "" || strings.ContainsAny(version, `",`) {
		return "", huma.Error400BadRequest(`If-Match is one ETag in quotes, as "0123456789abcdef", or *`)
	}
	return version, nil
}

// definition reads a job out of a body.
func definition(body []byte) (job.Job, error) {
	if !jsontext.Value(body).IsValid() {
		return job.Job{}, huma.Error400BadRequest("the body is no JSON")
	}
	decoded, err := topic.DecodeJob(slices.Concat([]byte(`{"v":1,"job":`), body, []byte(`}`)))
	if err != nil {
		return job.Job{}, huma.Error422UnprocessableEntity("the body is no job", &huma.ErrorDetail{Message: err.Error(), Location: "body"})
	}
	for _, unknown := range slices.Sorted(maps.Keys(decoded.Job.Unknown)) {
		return job.Job{}, field("body."+unknown, "is no field of a job", "")
	}
	return decoded.Job, nil
}

// moment is an optional instant of a query.
func moment(text, where string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, field(where, "is an instant, as 2026-11-29T03:00:00Z", text)
	}
	return at, nil
}

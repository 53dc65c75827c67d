package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/steer"
)

// problem is the problem document for an error.
func (s *server) problem(err error) error {
	var known huma.StatusError
	var denied *access.DeniedError
	var stale *steer.VersionError
	var invalid *steer.InvalidError
	var unsure *steer.UnsureError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &denied):
		return huma.Error403Forbidden(denied.Error())
	case errors.As(err, &stale):
		return huma.ErrorWithHeaders(huma.NewError(http.StatusPreconditionFailed, stale.Error()), etagOf(stale.InForce))
	case errors.As(err, &invalid):
		return unprocessable(invalid.Problems)
	case errors.As(err, &unsure):
		return huma.Error503ServiceUnavailable(unsure.Error())
	}
	if missing := notFound(err); missing != "" {
		return huma.Error404NotFound(missing)
	}
	if cursor := new(history.CursorError); errors.As(err, &cursor) {
		return field("query.after", "is no cursor of this list; take next of the page before, with the same filter", "")
	}
	return s.failed(err)
}

// notFound is what there is not, if that is the error.
func notFound(err error) string {
	var noJob *query.NoJobError
	var noRun *query.NoRunError
	var several *query.AmbiguousError
	var lost *history.NoJobError
	var lostRun *history.NoRunError
	var severalRuns *history.AmbiguousError
	var noToken *access.NoTokenError
	switch {
	case errors.As(err, &noJob), errors.As(err, &noRun), errors.As(err, &several),
		errors.As(err, &lost), errors.As(err, &lostRun), errors.As(err, &severalRuns), errors.As(err, &noToken):
		return err.Error()
	}
	return ""
}

// failed is the problem document for what is nobody's mistake.
func (s *server) failed(err error) error {
	if errors.Is(err, context.Canceled) {
		return huma.NewError(499, "whoever asked has left")
	}
	s.Log.Error("a request failed", "error", err)
	switch kafka.Classify(err) {
	case kafka.ClassUnreachable, kafka.ClassTimeout:
		return huma.Error503ServiceUnavailable("Kafka does not answer: try again")
	case kafka.ClassTopicGone:
		return huma.Error503ServiceUnavailable("a topic is missing in Kafka: \"belfry topics create\" makes it")
	case kafka.ClassAuthorization:
		return huma.Error503ServiceUnavailable("Kafka does not let this server do that: see its log")
	case kafka.ClassNone, kafka.ClassFenced, kafka.ClassTooLarge, kafka.ClassClosed, kafka.ClassOther:
	}
	return huma.Error500InternalServerError("the server failed; its log says why")
}

// unprocessable names what is wrong with each field of a body.
func unprocessable(problems job.Problems) error {
	details := make([]error, 0, len(problems))
	for _, p := range problems {
		text := p.Message
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		at := "body"
		if p.Field != "" {
			at += "." + p.Field
		}
		details = append(details, &huma.ErrorDetail{Message: text, Location: at})
	}
	return huma.Error422UnprocessableEntity("what was sent is not valid", details...)
}

// field is the problem document for one field that is wrong.
func field(where, what, value string) error {
	detail := &huma.ErrorDetail{Message: what, Location: where}
	if value != "" {
		detail.Value = value
	}
	return huma.Error422UnprocessableEntity(strings.TrimPrefix(strings.TrimPrefix(where, "query."), "body.")+" "+what, detail)
}

// etagOf is the header with the version of a job; none of no job.
func etagOf(version string) http.Header {
	if version == steer.NoVersion {
		return http.Header{}
	}
	return http.Header{"Etag": {quoted(version)}}
}

func quoted(version string) string { return `"` + version + `"` }

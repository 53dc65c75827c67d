package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/client"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/steer"
)

// The exit codes; doc.go and the help say what they mean.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitNotFound    = 4
	exitRunFailed   = 5
	exitDiffers     = 6
	exitInterrupted = 130
)

// exitError is an error that knows its exit code.
type exitError struct {
	code int
	error
}

func (e *exitError) Unwrap() error { return e.error }

// usageError marks err as the fault of what was typed or written.
func usageError(err error) error { return &exitError{exitUsage, err} }

// notFound says that something named does not exist.
func notFound(format string, args ...any) error {
	return &exitError{exitNotFound, fmt.Errorf(format, args...)}
}

// exitCode returns the exit code for err.
func exitCode(err error) int {
	var known *exitError
	var problems job.Problems
	var parse *kong.ParseError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &known):
		return known.code
	case errors.As(err, &problems), errors.As(err, &parse):
		return exitUsage
	}
	var problem *client.ProblemError
	switch {
	case errors.As(err, new(*client.UnreachableError)):
		return exitUnreachable
	case errors.As(err, &problem):
		return exitOfProblem(problem.Status)
	}
	if class := kafka.Classify(err); class == kafka.ClassUnreachable || class == kafka.ClassTimeout {
		return exitUnreachable
	}
	return exitFailed
}

// exitOfProblem returns the exit code for what a server says is wrong.
func exitOfProblem(status int) int {
	switch status {
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return exitUsage
	case http.StatusServiceUnavailable:
		return exitUnreachable
	}
	return exitFailed
}

// told gives the errors of query that somebody can do something about their
// words and their exit code; others stay as they are.
func told(err error) error {
	var job *query.NoJobError
	var run *query.NoRunError
	var several *query.AmbiguousError
	var requeued *query.RequeuedError
	var token *access.NoTokenError
	var invalid *steer.InvalidError
	switch {
	case errors.As(err, &token):
		return notFound("there is no token %q; \"belfry token list\" shows them", token.ID)
	case errors.As(err, &invalid):
		return usageError(invalid)
	case errors.As(err, &job) && !job.Since.IsZero():
		return notFound("there is no job %q, and nothing is known of one since %s", job.Job, when(job.Since))
	case errors.As(err, &job):
		return notFound("there is no job %q; \"belfry jobs\" lists those in force", job.Job)
	case errors.As(err, &run):
		return notFound("there is no run %q; \"belfry runs\" lists them", run.Prefix)
	case errors.As(err, &several):
		return ambiguous(several)
	case errors.As(err, &requeued):
		return usageError(fmt.Errorf("run %s was requeued before; --again makes one more run of it", short(requeued.Run)))
	}
	return err
}

// ambiguous lists the runs that were named all at once.
func ambiguous(e *query.AmbiguousError) error {
	var lines []string
	for _, r := range e.Runs {
		lines = append(lines, fmt.Sprintf("  %s  %s, due %s", oneLine(string(r.ID)), oneLine(r.Job), when(r.Due)))
	}
	return notFound("%d runs begin with %q; name one of them with more letters:\n%s", e.Count, e.Prefix, strings.Join(lines, "\n"))
}

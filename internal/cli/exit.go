package cli

import (
	"errors"
	"fmt"

	"github.com/alecthomas/kong"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
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
	if class := kafka.Classify(err); class == kafka.ClassUnreachable || class == kafka.ClassTimeout {
		return exitUnreachable
	}
	return exitFailed
}

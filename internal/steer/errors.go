package steer

import (
	"fmt"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
)

// The versions that no job has, as those that a caller saw. AnyVersion takes
// whatever is in force, or nothing; NoVersion wants no such job to be in force.
const (
	AnyVersion = "*"
	NoVersion  = ""
)

// VersionError says that the job in force is not the one that the caller saw.
type VersionError struct {
	Job string
	// Seen is what the caller saw, InForce what there is; NoVersion for none.
	Seen, InForce string
	// By is who wrote what is in force.
	By string
}

// Error is for the error interface.
func (e *VersionError) Error() string {
	switch {
	case e.InForce == NoVersion:
		return fmt.Sprintf("job %s is not in force any more", e.Job)
	case e.Seen == NoVersion:
		return fmt.Sprintf("there is a job %s already", e.Job)
	}
	return fmt.Sprintf("job %s was changed by %s since it was looked at: look at it again", e.Job, e.By)
}

// InvalidError says everything that is wrong with a job.
type InvalidError struct {
	Job      string
	Problems job.Problems
}

// Error is for the error interface.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("job %s is not valid: %s", e.Job, strings.ReplaceAll(e.Problems.Error(), "\n", "; "))
}

// UnsureError says that Kafka did not answer whether a change was made.
type UnsureError struct {
	Job   string
	Cause error
}

// Error is for the error interface.
func (e *UnsureError) Error() string {
	return fmt.Sprintf("Kafka did not say whether job %s was changed; look at it before trying again: %v", e.Job, e.Cause)
}

// Unwrap returns the cause.
func (e *UnsureError) Unwrap() error { return e.Cause }

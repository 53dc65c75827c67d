package cli

import (
	"errors"
	"fmt"

	"github.com/belfry-cron/belfry/internal/job"
)

// problemsError is all that is wrong with job files, one a line.
type problemsError struct{ problems job.Problems }

func (e *problemsError) Error() string {
	noun := "problems"
	if len(e.problems) == 1 {
		noun = "problem"
	}
	return fmt.Sprintf("%d %s in the job files\n%v", len(e.problems), noun, e.problems)
}

func (e *problemsError) Unwrap() error { return e.problems }

func asProblems(err error) (job.Problems, bool) {
	var problems job.Problems
	ok := errors.As(err, &problems)
	return problems, ok
}

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

// problemAnswer is what validate answers about one problem.
type problemAnswer struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func answerOf(problems job.Problems) []problemAnswer {
	answers := make([]problemAnswer, len(problems))
	for i, p := range problems {
		answers[i] = problemAnswer{p.File, p.Line, p.Column, p.Field, p.Message, p.Hint}
	}
	return answers
}

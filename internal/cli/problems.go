package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/lint"
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

// findingAnswer is what validate answers about one problem or finding. Its
// fields are named as editors name them.
type findingAnswer struct {
	File      string        `json:"file"`
	Line      int           `json:"line"`
	Column    int           `json:"column"`
	EndColumn int           `json:"endColumn"`
	Code      lint.Code     `json:"code"`
	Severity  lint.Severity `json:"severity"`
	Job       string        `json:"job,omitempty"`
	Field     string        `json:"field,omitempty"`
	Message   string        `json:"message"`
	Hint      string        `json:"hint"`
}

// answersOf puts problems in front of what lints found. Where no end is known
// it is the beginning.
func answersOf(problems job.Problems, findings []lint.Finding) []findingAnswer {
	answers := make([]findingAnswer, 0, len(problems)+len(findings))
	for _, p := range problems {
		answers = append(answers, findingAnswer{
			File: p.File, Line: p.Line, Column: p.Column, EndColumn: max(p.EndColumn, p.Column),
			Code: lint.Invalid, Severity: lint.Error, Field: p.Field, Message: p.Message, Hint: p.Hint,
		})
	}
	for _, f := range findings {
		answers = append(answers, findingAnswer{
			File: f.File, Line: f.Line, Column: f.Column, EndColumn: max(f.EndColumn, f.Column),
			Code: f.Code, Severity: f.Severity, Job: f.Job, Field: f.Field, Message: f.Message, Hint: f.Hint,
		})
	}
	return answers
}

// String is one line for people and for editors that read compilers' errors.
func (a findingAnswer) String() string {
	var b strings.Builder
	b.WriteString(a.File)
	if a.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", a.Line, a.Column)
	}
	fmt.Fprintf(&b, ": %s", a.Severity)
	if a.Code != lint.Invalid {
		fmt.Fprintf(&b, " %s", a.Code)
	}
	b.WriteString(": ")
	if a.Code == lint.Invalid && a.Field != "" {
		b.WriteString(a.Field + ": ")
	}
	b.WriteString(a.Message)
	if a.Hint != "" {
		b.WriteString(" (" + a.Hint + ")")
	}
	return b.String()
}

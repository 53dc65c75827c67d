package cli

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/lint"
)

type validateCmd struct {
	Output string    `short:"o" enum:"table,json,sarif" default:"table" env:"BELFRY_OUTPUT" help:"Form of the answer: ${enum}."`
	Strict bool      `help:"Take every lint for an error."`
	At     time.Time `placeholder:"TIME" format:"2006-01-02T15:04:05Z07:00" help:"Judge as of this instant (RFC 3339) instead of now."`
	Files  []string  `arg:"" name:"file" predictor:"file" help:"Job files, or folders of them; all are read as one set."`
}

func (validateCmd) Help() string {
	return "Shows every error of every file with file, line and column, and warns of what is valid and seldom meant: traps of cron's language, " +
		"what clock changes will do, limits that work against each other. Each such lint has a code, explained in docs/lints.md, and can be silenced for a job " +
		"by lint_ignore with a reason. The exit code is 2 if there is an error or, with --strict, any lint. Kafka is not needed.\n\n" +
		"Examples:\n\n    belfry validate jobs.yaml\n    belfry validate jobs.d/ --strict -o json\n    belfry validate jobs.yaml -o sarif > belfry.sarif"
}

// heapGrowth is, in percent, how far the heap of validate may grow before it is
// collected. Go's own 100 is for programs that stay: this one reads some large
// files, and should do so beside others in a small container.
const heapGrowth = 30

// Run checks files.
func (c *validateCmd) Run(ctx context.Context, s *session) error {
	defer debug.SetGCPercent(debug.SetGCPercent(heapGrowth))
	files, err := readFiles(ctx, c.Files)
	if err != nil {
		return err
	}
	at := c.At
	if at.IsZero() {
		at = time.Now()
	}
	set, problems := job.Survey(files)
	answers := answersOf(problems, lint.Check(set, at))
	if err := c.show(s, answers); err != nil {
		return err
	}
	errs, lints := 0, 0
	for _, a := range answers {
		if a.Severity == lint.Error {
			errs++
		} else {
			lints++
		}
	}
	if errs > 0 || c.Strict && lints > 0 {
		return usageError(fmt.Errorf("%s, %s in the job files", counted(errs, "error"), counted(lints, "lint")))
	}
	if c.Output == "table" {
		s.printf("%s in %s: valid%s\n", counted(len(set.Jobs), "job"), counted(jobFiles(files), "file"), lintsSaid(lints))
	}
	return nil
}

func lintsSaid(lints int) string {
	if lints == 0 {
		return ""
	}
	return "; " + counted(lints, "lint")
}

// counted is "1 file" or "2 files".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// jobFiles counts the files that hold jobs.
func jobFiles(files []job.File) int {
	n := 0
	for _, f := range files {
		if !f.Beside {
			n++
		}
	}
	return n
}

func (c *validateCmd) show(s *session, answers []findingAnswer) error {
	switch c.Output {
	case "json":
		return s.asJSON(answers)
	case "sarif":
		return s.asJSON(sarifOf(answers))
	}
	for _, a := range answers {
		s.printf("%s\n", a)
	}
	return nil
}

// readFiles reads files and folders.
func readFiles(ctx context.Context, paths []string) ([]job.File, error) {
	files, err := app.ReadFiles(ctx, paths...)
	if err != nil && ctx.Err() == nil {
		err = usageError(err)
	}
	return files, err
}

// readSet reads files and folders as one set of jobs.
func readSet(ctx context.Context, paths []string) (job.Set, error) {
	files, err := readFiles(ctx, paths)
	if err != nil {
		return job.Set{}, err
	}
	set, err := job.Parse(files)
	if problems, ok := asProblems(err); ok {
		return job.Set{}, &problemsError{problems}
	}
	return set, err
}

package cli

import (
	"fmt"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/job"
)

type validateCmd struct {
	answer
	Files []string `arg:"" name:"file" predictor:"file" help:"Job files, or folders of them; all are read as one set."`
}

func (validateCmd) Help() string {
	return "Every error of every file is shown with file, line and column, and the exit code is 2 if there is one. Kafka is not needed.\n\n" +
		"Examples:\n\n    belfry validate jobs.yaml\n    belfry validate jobs.d/ -o json"
}

// Run checks files.
func (c *validateCmd) Run(s *session) error {
	set, count, err := readSet(c.Files)
	if problems, ok := asProblems(err); ok && c.Output == "json" {
		if err := s.asJSON(answerOf(problems)); err != nil {
			return err
		}
		return &exitError{exitUsage, fmt.Errorf("%d problems", len(problems))}
	}
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return s.asJSON([]problemAnswer{})
	}
	s.printf("%d jobs in %d files are valid\n", len(set.Jobs), count)
	return nil
}

// readSet reads files and folders as one set of jobs, and says how many
// files there were.
func readSet(paths []string) (job.Set, int, error) {
	var files []job.File
	for _, path := range paths {
		read, err := app.ReadFiles(path)
		if err != nil {
			return job.Set{}, 0, usageError(err)
		}
		files = append(files, read...)
	}
	set, err := job.Parse(files)
	if problems, ok := asProblems(err); ok {
		return job.Set{}, len(files), &problemsError{problems}
	}
	return set, len(files), err
}

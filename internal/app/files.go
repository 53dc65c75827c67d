package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
)

// jobFileEndings are those of the files in a folder that hold jobs.
func jobFileEndings() []string { return []string{".yaml", ".yml", ".cron", ".crontab"} }

// ReadFiles returns the job files at paths and, of those that are folders, all
// job files directly in them (*.yaml, *.yml, *.cron, *.crontab), by name,
// followed by the files they refer to. Hidden files are left out. There may be
// job.MaxFiles of them, of job.MaxFile bytes each and job.MaxBytes together.
func ReadFiles(ctx context.Context, paths ...string) ([]job.File, error) {
	var names []string
	for _, path := range paths {
		found, err := jobFilesAt(filepath.Clean(path))
		if err != nil {
			return nil, fmt.Errorf("reading jobs: %w", err)
		}
		if names = append(names, found...); len(names) > job.MaxFiles {
			return nil, fmt.Errorf("reading jobs: %s holds the file beyond the %d that are read", path, job.MaxFiles)
		}
	}
	files := make([]job.File, 0, len(names))
	left := int64(job.MaxBytes)
	for _, name := range names {
		data, err := ReadFile(ctx, name, job.MaxFile)
		if err != nil {
			return nil, fmt.Errorf("reading jobs: %w", err)
		}
		if left -= int64(len(data)); left < 0 {
			return nil, fmt.Errorf("reading jobs: with %s the files hold more than %s", name, mebibytes(job.MaxBytes))
		}
		files = append(files, job.File{Name: name, Data: data})
	}
	return append(files, readBeside(ctx, files, left)...), nil
}

// jobFilesAt names the job files at a path, which may be a folder.
func jobFilesAt(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()
	const some = 1000 // so that a folder of all sorts of files takes no room
	var names []string
	for len(names) <= job.MaxFiles {
		entries, err := folder.ReadDir(some)
		for _, e := range entries {
			hidden := strings.HasPrefix(e.Name(), ".")
			if !hidden && !e.IsDir() && slices.Contains(jobFileEndings(), filepath.Ext(e.Name())) {
				names = append(names, filepath.Join(path, e.Name()))
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("folder %s holds no file with jobs (%s)", path, strings.Join(jobFileEndings(), ", "))
	}
	slices.Sort(names)
	return names, nil
}

// readBeside returns the files that job files refer to, of so many bytes
// together. One that cannot be read is left out: job.Parse says so, with the
// place of the reference.
func readBeside(ctx context.Context, files []job.File, left int64) []job.File {
	var beside []job.File
	for _, name := range job.References(files) {
		if data, err := ReadFile(ctx, name, min(left, job.MaxFile)); err == nil {
			left -= int64(len(data))
			beside = append(beside, job.File{Name: name, Data: data, Beside: true})
		}
	}
	return beside
}

// FromPath is a prune for steer.Plan: the jobs that came from the file or folder.
func FromPath(path string) func(job.Job) bool {
	return func(j job.Job) bool { return cameFrom(j.Source, path) }
}

// cameFrom reports whether a job's source is path or a file in it.
func cameFrom(source, path string) bool {
	path = filepath.Clean(path)
	return source == path || path == "." && source != "" && !filepath.IsAbs(source) && filepath.Dir(source) == "." ||
		strings.HasPrefix(source, strings.TrimSuffix(path, "/")+"/")
}

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
)

// jobFileEndings are those of the files in a folder that hold jobs.
func jobFileEndings() []string { return []string{".yaml", ".yml", ".cron", ".crontab"} }

// ReadFiles returns the job file at path or, if that is a folder, all job
// files directly in it (*.yaml, *.yml, *.cron, *.crontab), by name, followed
// by the files they refer to. Hidden files are left out.
func ReadFiles(path string) ([]job.File, error) {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading jobs: %w", err)
	}
	names := []string{path}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("reading jobs: %w", err)
		}
		names = names[:0]
		for _, e := range entries {
			hidden := strings.HasPrefix(e.Name(), ".")
			if !hidden && !e.IsDir() && slices.Contains(jobFileEndings(), filepath.Ext(e.Name())) {
				names = append(names, filepath.Join(path, e.Name()))
			}
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("reading jobs: folder %s holds no file with jobs (%s)",
				path, strings.Join(jobFileEndings(), ", "))
		}
	}
	files := make([]job.File, 0, len(names))
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading jobs: %w", err)
		}
		files = append(files, job.File{Name: name, Data: data})
	}
	return append(files, readBeside(files)...), nil
}

// maxBeside bounds a file that a job file refers to, in bytes.
const maxBeside = 8 << 20

// readBeside returns the files that job files refer to. One that cannot be
// read is left out: job.Parse says so, with the place of the reference.
func readBeside(files []job.File) []job.File {
	var beside []job.File
	for _, name := range job.References(files) {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxBeside {
			continue
		}
		if data, err := os.ReadFile(name); err == nil {
			beside = append(beside, job.File{Name: name, Data: data, Beside: true})
		}
	}
	return beside
}

// cameFrom reports whether a job's source is path or a file in it.
func cameFrom(source, path string) bool {
	path = filepath.Clean(path)
	return source == path || path == "." && source != "" && !filepath.IsAbs(source) && filepath.Dir(source) == "." ||
		strings.HasPrefix(source, strings.TrimSuffix(path, "/")+"/")
}

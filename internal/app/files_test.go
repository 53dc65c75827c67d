package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
)

func TestReadFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a.cron", "c.crontab", "d.yml", ".hidden.yaml", "notes.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub.yaml"), 0o700))
	files, err := ReadFiles(t.Context(), dir+"/")
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.Name))
		require.Equal(t, filepath.Base(f.Name), string(f.Data))
	}
	require.Equal(t, []string{"a.cron", "b.yaml", "c.crontab", "d.yml"}, names)

	files, err = ReadFiles(t.Context(), filepath.Join(dir, "notes.txt"))
	require.NoError(t, err, "a file that is named is read whatever it is called")
	require.Len(t, files, 1)

	_, err = ReadFiles(t.Context(), filepath.Join(dir, "sub.yaml"))
	require.ErrorContains(t, err, "holds no file with jobs")
	_, err = ReadFiles(t.Context(), filepath.Join(dir, "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestReadFilesBeside: what job files refer to comes with them, once; what is
// no file is left for Parse to complain of.
func TestReadFilesBeside(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml":   "calendars: {a: [{ical: days.ics}, {ical: gone.ics}, {ical: sub}]}\njobs: []\n",
		"b.yaml":   "calendars: {b: [{ical: days.ics}]}\njobs: []\n",
		"days.ics": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nEND:VEVENT\nEND:VCALENDAR\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	files, err := ReadFiles(t.Context(), dir)
	require.NoError(t, err)
	require.Len(t, files, 3)
	require.Equal(t, filepath.Join(dir, "days.ics"), files[2].Name)
	require.True(t, files[2].Beside)
	_, err = job.Parse(files)
	require.ErrorContains(t, err, "gone.ics that can be read")
	require.ErrorContains(t, err, "sub that can be read")
	require.NotContains(t, err.Error(), "days.ics")
}

// TestReadFilesRefuses what would wait for somebody, or fill the memory, and
// says what it is.
func TestReadFilesRefuses(t *testing.T) {
	dir := t.TempDir()
	pipe, long, link := filepath.Join(dir, "pipe.yaml"), filepath.Join(dir, "long.yaml"), filepath.Join(dir, "link.yaml")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(long, nil, 0o600))
	require.NoError(t, os.Truncate(long, 700<<20))
	require.NoError(t, os.Symlink("/dev/zero", link))
	for path, want := range map[string]string{
		pipe: "pipe.yaml is a named pipe; only regular files are read",
		long: "long.yaml is 700 MiB long, more than the 16 MiB",
		link: "link.yaml is a device",
		dir:  "link.yaml is a device",
	} {
		_, err := ReadFiles(t.Context(), path)
		require.ErrorContains(t, err, want)
	}

	many := t.TempDir()
	for i := range 5 {
		path := filepath.Join(many, fmt.Sprintf("%d.yaml", i))
		require.NoError(t, os.WriteFile(path, []byte("jobs: []\n"), 0o600))
		require.NoError(t, os.Truncate(path, job.MaxFile))
	}
	_, err := ReadFiles(t.Context(), many)
	require.ErrorContains(t, err, "4.yaml the files hold more than 64 MiB")

	ended, end := context.WithCancel(t.Context())
	end()
	_, err = ReadFiles(ended, filepath.Join(many, "0.yaml"))
	require.ErrorIs(t, err, context.Canceled)

	target := filepath.Join(many, "link.yaml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "real"), []byte("jobs: []\n"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(dir, "real"), target))
	files, err := ReadFiles(t.Context(), target)
	require.NoError(t, err, "a link to a regular file is read")
	require.Len(t, files, 1)
}

// TestReadFilesBoundsTheirNumber without keeping the names of all.
func TestReadFilesBoundsTheirNumber(t *testing.T) {
	dir := t.TempDir()
	first := filepath.Join(dir, "0.yaml")
	require.NoError(t, os.WriteFile(first, []byte("jobs: []\n"), 0o600))
	for i := range job.MaxFiles {
		require.NoError(t, os.Symlink(first, filepath.Join(dir, fmt.Sprintf("l%d.yaml", i))))
	}
	_, err := ReadFiles(t.Context(), dir)
	require.ErrorContains(t, err, "beyond the 20000 that are read")
}

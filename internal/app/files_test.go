package app

import (
	"os"
	"path/filepath"
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
	files, err := ReadFiles(dir + "/")
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.Name))
		require.Equal(t, filepath.Base(f.Name), string(f.Data))
	}
	require.Equal(t, []string{"a.cron", "b.yaml", "c.crontab", "d.yml"}, names)

	files, err = ReadFiles(filepath.Join(dir, "notes.txt"))
	require.NoError(t, err, "a file that is named is read whatever it is called")
	require.Len(t, files, 1)

	_, err = ReadFiles(filepath.Join(dir, "sub.yaml"))
	require.ErrorContains(t, err, "holds no file with jobs")
	_, err = ReadFiles(filepath.Join(dir, "absent"))
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
	files, err := ReadFiles(dir)
	require.NoError(t, err)
	require.Len(t, files, 3)
	require.Equal(t, filepath.Join(dir, "days.ics"), files[2].Name)
	require.True(t, files[2].Beside)
	_, err = job.Parse(files)
	require.ErrorContains(t, err, "gone.ics that can be read")
	require.ErrorContains(t, err, "sub that can be read")
	require.NotContains(t, err.Error(), "days.ics")
}

func TestCameFrom(t *testing.T) {
	for _, c := range []struct {
		source, path string
		want         bool
	}{
		{"jobs.yaml", "jobs.yaml", true},
		{"jobs.yaml", "./jobs.yaml", true},
		{"jobs.d/a.yaml", "jobs.d", true},
		{"jobs.d/a.yaml", "jobs.d/", true},
		{"jobs.d.old/a.yaml", "jobs.d", false},
		{"jobs.yaml.bak", "jobs.yaml", false},
		{"a.yaml", ".", true},
		{"/etc/a.yaml", ".", false},
		{"sub/a.yaml", ".", false},
		{"/etc/a.yaml", "/etc", true},
		{"", ".", false},
		{"", "jobs.d", false},
	} {
		require.Equal(t, c.want, cameFrom(c.source, c.path), "source %q, path %q", c.source, c.path)
	}
}

package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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

package tzdata

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLoadIgnoresTheHost, whatever ZONEINFO names.
func TestLoadIgnoresTheHost(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "Europe"), 0o700))
	wrong, err := os.ReadFile("/usr/share/zoneinfo/Asia/Tokyo")
	if err == nil {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "Europe/Berlin"), wrong, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "Mine"), wrong, 0o600))
	}
	t.Setenv("ZONEINFO", dir)
	berlin, err := Load("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, "Europe/Berlin", berlin.String())
	for month, want := range map[time.Month]int{time.January: 3600, time.July: 7200} {
		_, offset := time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC).In(berlin).Zone()
		require.Equal(t, want, offset)
	}
	_, err = Load("Mine")
	require.Error(t, err)
}

// TestNamesAreThoseOfTheData: what a path would find is no name.
func TestNamesAreThoseOfTheData(t *testing.T) {
	for _, name := range []string{
		"", "Local", "localtime", "posixrules", "right/UTC", "posix/UTC", "./UTC", "Europe//Berlin", "Europe/../UTC",
		"/usr/share/zoneinfo/UTC", "europe/berlin", "utc", "Europe/", "Europe", `Europe\Berlin`,
	} {
		_, err := Load(name)
		require.Error(t, err, name)
	}
	for _, name := range []string{"UTC", "Etc/UTC", "EST5EDT", "America/Argentina/Buenos_Aires"} {
		_, err := Load(name)
		require.NoError(t, err, name)
	}
}

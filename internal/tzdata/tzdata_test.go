package tzdata

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
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

// TestUse reads other data, its version and nothing that is no zone of it.
func TestUse(t *testing.T) {
	t.Cleanup(func() { chosen = nil })
	tokyo, err := zone("Asia/Tokyo")
	require.NoError(t, err)
	files := fstest.MapFS{}
	for name, content := range map[string]string{
		"Europe/Berlin": tokyo, "localtime": tokyo, "posixrules": tokyo, "right/Europe/Berlin": tokyo,
		"posix/Europe/Berlin": tokyo, "zone.tab": "DE Europe/Berlin", "Big": magic + strings.Repeat("x", zoneMost),
	} {
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	require.NoError(t, Use(files))
	require.Regexp(t, "^sha256:[0-9a-f]{12}$", Version())
	digest := Version()
	berlin, err := Load("Europe/Berlin")
	require.NoError(t, err)
	_, offset := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).In(berlin).Zone()
	require.Equal(t, 9*3600, offset)
	for _, name := range []string{"Asia/Tokyo", "localtime", "posixrules", "right/Europe/Berlin", "posix/Europe/Berlin", "./Europe/Berlin", "Europe//Berlin", "zone.tab", "Big", "Local", ""} {
		_, err := Load(name)
		require.ErrorContains(t, err, "there is no time zone", name)
	}

	for content, want := range map[string]string{
		"# version 2025b\nR x\n": "2025b", "2024a\n": "2024a", "two words": "", strings.Repeat("x", 100): "",
	} {
		files["tzdata.zi"] = &fstest.MapFile{Data: []byte(content)}
		require.NoError(t, Use(files))
		if want == "" {
			want = digest
		}
		require.Equal(t, want, Version())
	}
	require.NoError(t, Use(fstest.MapFS{"Etc/Here": {Data: []byte(tokyo)}}))
	require.NotEqual(t, digest, Version())

	before := Version()
	require.ErrorContains(t, Use(fstest.MapFS{"a": {Data: []byte("text")}}), "no file there is a compiled time zone")
	many := fstest.MapFS{}
	for i := range othersMost {
		many[fmt.Sprint(i)] = &fstest.MapFile{Data: []byte(tokyo)}
	}
	require.ErrorContains(t, Use(many), "more than 10000 files")
	require.Equal(t, before, Version())
}

// zone is the compiled form of a zone that Belfry carries.
func zone(name string) (string, error) {
	archive, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	rules, err := fs.ReadFile(archive, name)
	return string(rules), err
}

// TestUseTakesAnArchive: the one that Belfry carries means the same from
// elsewhere.
func TestUseTakesAnArchive(t *testing.T) {
	t.Cleanup(func() { chosen = nil })
	archive, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	require.NoError(t, Use(archive))
	require.Greater(t, len(chosen.rules), 500)
	_, err = Load("America/Argentina/Buenos_Aires")
	require.NoError(t, err)
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

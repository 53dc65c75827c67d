package cli

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"

	"github.com/belfry-cron/belfry/internal/tzdata"
)

// useZones has time zones read from a zoneinfo.zip or a folder of compiled
// ones; an empty path leaves those that Belfry carries.
func useZones(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("--zones: %w", err)
	}
	var files fs.FS
	if info.IsDir() {
		files = os.DirFS(path)
	} else {
		archive, err := zip.OpenReader(path)
		if err != nil {
			return fmt.Errorf("--zones: %s is neither a folder nor a zip archive: %w", path, err)
		}
		defer func() { _ = archive.Close() }()
		files = archive
	}
	if err := tzdata.Use(files); err != nil {
		return fmt.Errorf("--zones: reading %s: %w", path, err)
	}
	return nil
}

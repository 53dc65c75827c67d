package tzdata

import (
	"archive/zip"
	_ "embed" // the data is part of the program
	"fmt"
	"io"
	"strings"
	"time"
)

// Version is the release of the IANA data that Load reads.
const Version = "2025c"

//go:embed zoneinfo.zip
var data string

// Load returns the zone of a name in the IANA data, letter by letter. Local is
// none, nor are names that some hosts have files for: localtime, posixrules,
// right/UTC.
func Load(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	archive, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("opening the time zones: %w", err)
	}
	for _, f := range archive.File {
		if f.Name != name {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("opening time zone %s: %w", name, err)
		}
		rules, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("reading time zone %s: %w", name, err)
		}
		return time.LoadLocationFromTZData(name, rules)
	}
	return nil, fmt.Errorf("there is no time zone %q in the IANA data of %s", name, Version)
}

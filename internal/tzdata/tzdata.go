package tzdata

import (
	"archive/zip"
	_ "embed" // the data is part of the program
	"fmt"
	"io"
	"strings"
	"time"
)

// carried is the release of the IANA data in zoneinfo.zip.
const carried = "2025c"

//go:embed zoneinfo.zip
var data string

// chosen is what Use was given, if it was. As with the zones of package time
// there is one for the process: a job's definition names its zone, and must
// mean the same wherever it is compiled.
var chosen *other

// Version is the release of the data that Load reads. Data of another source
// that does not tell has a digest instead, sha256:0123456789ab.
func Version() string {
	if chosen != nil {
		return chosen.version
	}
	return carried
}

// hostOnly reports whether a name is one that some hosts have a file for, and
// that means something else on each.
func hostOnly(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	switch first {
	case "Local", "localtime", "posixrules", "right", "posix":
		return true
	}
	return false
}

// Load returns the zone of a name in the IANA data, letter by letter. Local is
// none, nor are names that some hosts have files for: localtime, posixrules,
// right/UTC.
func Load(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	if chosen != nil {
		rules, ok := chosen.rules[name]
		if !ok {
			return nil, fmt.Errorf("there is no time zone %q in the data of %s", name, chosen.version)
		}
		return time.LoadLocationFromTZData(name, []byte(rules))
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
	return nil, fmt.Errorf("there is no time zone %q in the IANA data of %s", name, carried)
}

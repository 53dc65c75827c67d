package tzdata

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// The bounds of data that is read instead of ours, which has 600 zones of at
// most 4 KiB. othersMost is of files and folders, zones or not.
const (
	othersMost  = 10_000
	zoneMost    = 64 << 10
	versionMost = 1 << 20
)

// magic begins each compiled zone (RFC 9636).
const magic = "TZif"

// other is data that is read instead of ours.
type other struct {
	version string
	rules   map[string]string // by name
}

// Use has Load read the zones of a folder, such as /usr/share/zoneinfo, or an
// opened zoneinfo.zip, instead of those that Belfry carries. They are read at
// once, so that what becomes of the files later has no part in due times. It
// is for the start of a program, before anything else of this package is
// called.
func Use(files fs.FS) error {
	o := &other{rules: map[string]string{}}
	seen := 0
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		seen++
		switch {
		case err != nil:
			return err
		case seen > othersMost:
			return fmt.Errorf("there are more than %d files", othersMost)
		case d.IsDir():
			return nil
		}
		return o.add(files, name)
	})
	if err != nil {
		return err
	}
	if len(o.rules) == 0 {
		return errors.New("no file there is a compiled time zone")
	}
	if o.version == "" {
		o.version = o.digest()
	}
	chosen = o
	return nil
}

// add reads a file: a zone, or what tells the version. Others are passed over.
func (o *other) add(files fs.FS, name string) error {
	tells := name == "+VERSION" || name == "tzdata.zi"
	info, err := fs.Stat(files, name) // of what a link leads to
	if errors.Is(err, fs.ErrNotExist) || hostOnly(name) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > zoneMost && !tells || info.Size() > versionMost {
		return nil
	}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	switch {
	case tells:
		o.version = versionIn(string(content))
	case strings.HasPrefix(string(content), magic):
		o.rules[name] = string(content)
	}
	return nil
}

// versionIn reads "2025c", or "# version 2025c" above the rules of a tzdata.zi.
func versionIn(content string) string {
	first, _, _ := strings.Cut(content, "\n")
	words := strings.Fields(strings.TrimPrefix(first, "# version"))
	if len(words) != 1 || len(words[0]) > len("2025c-64-gabcdef0-dirty") {
		return ""
	}
	return words[0]
}

// digest stands for the version of data that does not tell it.
func (o *other) digest() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(o.rules)) {
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", name, len(o.rules[name]), o.rules[name])
	}
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)[:6])
}

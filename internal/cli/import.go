package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/foreign"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

type importCmd struct {
	Sources     []string `arg:"" optional:"" name:"source" predictor:"file" help:"Cron tables, folders of them, anacrontabs, folders of scripts, CronJob manifests; - is the standard input. None: what this host has under /etc."`
	As          string   `enum:"auto,user,system,anacron,kubernetes" default:"auto" help:"Form of the sources: ${enum}. A system's table has a column for the user."`
	UserCrontab bool     `help:"Also read the table of who runs this command (crontab -l)."`
	User        string   `placeholder:"NAME" help:"Whose table it is, where the table has no column for it; becomes the jobs' user."`
	Timezone    string   `placeholder:"ZONE" help:"Zone in which the tables are read (default: this host's)."`
	Cluster     string   `placeholder:"NAME" help:"Cluster that gets all jobs (default: the first of the job file)."`
	Root        string   `default:"/" placeholder:"DIR" predictor:"file" help:"Where the host's files are, for an image or a backup of another host."`
	Out         string   `short:"o" name:"out" placeholder:"FILE" predictor:"file" help:"Write the job file here instead of to the standard output."`
}

func (importCmd) Help() string {
	return "Writes a job file with the same due times. What has no counterpart becomes a comment beside the job. Kafka is not needed, and nothing is changed on this host.\n\n" +
		"Examples:\n\n    belfry import > host.yaml\n    belfry import /etc/crontab /etc/cron.d /etc/cron.daily -o host.yaml\n" +
		"    crontab -l | belfry import - --user alice\n    kubectl get cronjobs -A -o yaml | belfry import -"
}

// Validate is called by kong.
func (c *importCmd) Validate() error {
	if c.Timezone == "" {
		return nil
	}
	if _, err := tzdata.Load(c.Timezone); err != nil {
		return fmt.Errorf("--timezone: there is no zone %q; zones are named as in the IANA data, such as Europe/Berlin", c.Timezone)
	}
	return nil
}

// Run imports.
func (c *importCmd) Run(ctx context.Context, s *session) error {
	files, err := c.files(ctx)
	if err != nil {
		return usageError(err)
	}
	zone := c.Timezone
	if zone == "" {
		var known bool
		if zone, known = hostZone(c.Root); !known {
			s.note("this host does not name its time zone; the tables are read in %s (--timezone)", zone)
		}
	}
	table, err := foreign.Read(files, foreign.Options{Zone: zone, Cluster: c.Cluster})
	if err != nil {
		return usageError(err)
	}
	if err := c.write(s, table.YAML()); err != nil {
		return err
	}
	left := 0
	for _, e := range table.Entries {
		if e.Job == nil {
			left++
		}
	}
	s.note("%s from %s; %s where something is no job", counted(len(table.Jobs()), "job"), counted(len(files), "file"), counted(left, "comment"))
	return nil
}

// write leaves no half of a file behind, and overwrites none.
func (c *importCmd) write(s *session, text []byte) error {
	if c.Out == "" {
		s.progress.stop()
		out, _ := s.verbatim(false)
		_, err := out.Write(text)
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return usageError(fmt.Errorf("%s is there already; remove it, or name another file", c.Out))
	}
	if err != nil {
		return fmt.Errorf("writing the job file: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the job file: %w", err)
	}
	return nil
}

// files reads the sources.
func (c *importCmd) files(ctx context.Context) ([]foreign.File, error) {
	var files []foreign.File
	sources := c.Sources
	if len(sources) == 0 && !c.UserCrontab {
		sources = hostSources(c.Root)
		if len(sources) == 0 {
			return nil, fmt.Errorf("there is no cron table under %s; name a file, or - for the standard input", filepath.Join(c.Root, "etc"))
		}
	}
	for _, source := range sources {
		read, err := c.source(ctx, source)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", source, err)
		}
		files = append(files, read...)
	}
	if c.UserCrontab {
		out, err := exec.CommandContext(ctx, "crontab", "-l").Output()
		if err != nil {
			return nil, fmt.Errorf("asking crontab -l: %w", withStderr(err))
		}
		files = append(files, foreign.File{Name: "crontab", Kind: foreign.UserTable, User: c.User, Data: out})
	}
	return files, nil
}

// withStderr adds what a command said before it failed.
func withStderr(err error) error {
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && len(failed.Stderr) > 0 {
		return fmt.Errorf("%s (%w)", strings.TrimSpace(string(failed.Stderr)), err)
	}
	return err
}

// hostSources are the tables that cron and anacron read, those that exist.
func hostSources(root string) []string {
	var found []string
	for _, name := range []string{"crontab", "cron.d", "anacrontab", "cron.hourly", "cron.daily", "cron.weekly", "cron.monthly", "cron.yearly"} {
		path := filepath.Join(root, "etc", name)
		if _, err := os.Stat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

func (c *importCmd) source(ctx context.Context, path string) ([]foreign.File, error) {
	if path == "-" {
		data, err := io.ReadAll(os.Stdin)
		kind := foreign.UserTable
		if looksLikeManifest(data) {
			kind = foreign.Manifest
		}
		return []foreign.File{c.file("crontab", kind, data)}, err
	}
	path, err := c.inRoot(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return c.folder(ctx, path)
	}
	data, err := app.ReadFile(ctx, path, job.MaxFile)
	return []foreign.File{c.file(path, kindOf(path, data), data)}, err
}

// inRoot is where a source is on this host: what it is, is told by its whole
// path, wherever this command is run. With --root, /etc/x is that of the other
// host.
func (c *importCmd) inRoot(path string) (string, error) {
	root, err := filepath.Abs(c.Root)
	if err != nil {
		return "", err
	}
	if filepath.IsAbs(path) && path != root && !strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/") {
		path = filepath.Join(root, path)
	}
	return filepath.Abs(path)
}

// file is one source, of the kind it was said to be.
func (c *importCmd) file(path string, kind foreign.Kind, data []byte) foreign.File {
	if c.As != "auto" {
		kind = foreign.Kind(c.As)
	}
	f := foreign.File{Name: c.shortName(path), Kind: kind, User: c.User, Data: data}
	if kind == foreign.UserTable && f.User == "" && isSpool(filepath.Dir(path)) {
		f.User = filepath.Base(path)
	}
	return f
}

// name is the path as the host knows it.
func (c *importCmd) name(path string) string {
	root, err := filepath.Abs(c.Root)
	if err != nil || root == "/" {
		return path
	}
	if inside, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(inside) {
		return "/" + inside
	}
	return path
}

// shortName is name, but from the working folder where the file is in that.
func (c *importCmd) shortName(path string) string {
	name := c.name(path)
	here, err := os.Getwd()
	if err != nil || name != path {
		return name
	}
	if inside, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(inside) && here != "/" {
		return inside
	}
	return name
}

// folder reads the files of a folder: the way cron or run-parts would, if it
// is one of theirs, else all manifests in it.
func (c *importCmd) folder(ctx context.Context, path string) ([]foreign.File, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	kind := kindOfFolder(path)
	var files []foreign.File
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		var f foreign.File
		switch {
		case kind == foreign.SystemTable && !foreign.RunPartsName(e.Name()),
			kind == foreign.UserTable && strings.HasPrefix(e.Name(), "."),
			kind == foreign.Manifest && !isManifestName(e.Name()):
			continue
		case kind == foreign.Script:
			f = foreign.File{Name: c.name(name), Kind: kind, Executable: info.Mode()&0o111 != 0}
		default:
			data, err := app.ReadFile(ctx, name, job.MaxFile)
			if err != nil {
				return nil, err
			}
			f = c.file(name, kind, data)
		}
		files = append(files, f)
	}
	if len(files) == 0 && kind == foreign.Manifest {
		return nil, errors.New("the folder holds no manifest (*.yaml, *.yml, *.json), and is none that cron reads")
	}
	return files, nil
}

func kindOfFolder(path string) foreign.Kind {
	switch name := filepath.Base(path); {
	case name == "cron.d":
		return foreign.SystemTable
	case strings.HasPrefix(name, "cron."):
		return foreign.Script
	case isSpool(path):
		return foreign.UserTable
	}
	return foreign.Manifest
}

// isSpool tells whether a folder holds the tables of users, one file each.
func isSpool(path string) bool {
	return filepath.Base(path) == "crontabs" || filepath.Base(path) == "cron" && filepath.Base(filepath.Dir(path)) == "spool"
}

func kindOf(path string, data []byte) foreign.Kind {
	name, parent := filepath.Base(path), filepath.Base(filepath.Dir(path))
	switch {
	case name == "anacrontab":
		return foreign.Anacrontab
	case parent == "cron.d", name == "crontab" && parent == "etc":
		return foreign.SystemTable
	case isManifestName(name), looksLikeManifest(data):
		return foreign.Manifest
	}
	return foreign.UserTable
}

func isManifestName(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

// looksLikeManifest tells a manifest from a table: no line of a table begins
// like this.
func looksLikeManifest(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		for _, start := range []string{"apiVersion:", "kind:", "{", "---"} {
			if bytes.HasPrefix(line, []byte(start)) {
				return true
			}
		}
		if len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return false
}

// hostZone is the zone of the host below root, in which its cron reads its
// tables. It is false, and UTC, where the host does not name one.
func hostZone(root string) (string, bool) {
	zone := ""
	if root == "/" {
		zone = strings.TrimPrefix(os.Getenv("TZ"), ":")
	}
	if zone == "" {
		// A symbolic link into the tz database says more than the file that
		// Debian keeps beside it.
		if target, err := os.Readlink(filepath.Join(root, "etc/localtime")); err == nil {
			_, zone, _ = strings.Cut(target, "zoneinfo/")
		}
	}
	if zone == "" {
		if text, err := os.ReadFile(filepath.Join(root, "etc/timezone")); err == nil {
			zone = strings.TrimSpace(string(text))
		}
	}
	if _, err := tzdata.Load(zone); err != nil || zone == "" || zone == "Local" {
		return "UTC", false
	}
	return zone, true
}

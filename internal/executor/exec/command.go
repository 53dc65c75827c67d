package exec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ownPrefix is what the names of Belfry's own variables begin with; a job
// cannot set one.
const ownPrefix = "BELFRY_"

// Command is what to run and as what.
type Command struct {
	// Args is the program and its arguments. A program without a slash is
	// looked for in the PATH that the command itself gets.
	Args []string

	// Stdin is what the command reads; empty reads as an empty file.
	Stdin string

	// Env holds KEY=VALUE entries set by the job. They may replace PATH,
	// HOME, LANG, USER and LOGNAME; entries named BELFRY_* are left out.
	Env []string

	// Dir is the working directory; ~ means the user's home, or / where there
	// is none. Empty means the same if User is set, else the worker's own
	// directory.
	Dir string

	// Linger lets processes live on that the command leaves in the background
	// when it ends by itself.
	Linger bool

	// User is the name or number of the user to run as; empty means the
	// worker's own. Any other user needs a worker that runs as root.
	User string

	// Timeout is how long the command may run before it is stopped; zero
	// means for ever.
	Timeout time.Duration

	Identity Identity
}

// Identity says which attempt of which run a command is. The command sees
// it as BELFRY_JOB, BELFRY_RUN_ID, BELFRY_ATTEMPT, BELFRY_DUE (RFC 3339,
// UTC), BELFRY_FENCE and BELFRY_CLUSTER.
type Identity struct {
	Job     string
	RunID   string
	Attempt int
	Due     time.Time
	Fence   int64
	Cluster string
}

// variables are the identity's entries for the environment.
func (i Identity) variables() []string {
	return []string{
		"BELFRY_JOB=" + i.Job,
		"BELFRY_RUN_ID=" + i.RunID,
		"BELFRY_ATTEMPT=" + strconv.Itoa(i.Attempt),
		"BELFRY_DUE=" + i.Due.UTC().Format(time.RFC3339Nano),
		"BELFRY_FENCE=" + strconv.FormatInt(i.Fence, 10),
		"BELFRY_CLUSTER=" + i.Cluster,
	}
}

// environment is all that the command sees: nothing else of the worker's own
// environment, which may hold its secrets, is handed on.
func (c *Command) environment(a account) ([]string, error) {
	env := []string{
		"PATH=" + valueOr(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin"),
		"LANG=" + valueOr(os.Getenv("LANG"), "C.UTF-8"),
		"HOME=" + a.home,
	}
	if a.name != "" {
		env = append(env, "USER="+a.name, "LOGNAME="+a.name)
	}
	for _, entry := range c.Env {
		name, _, ok := strings.Cut(entry, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("environment entry %q is not of the form KEY=VALUE", entry)
		}
		if !strings.HasPrefix(name, ownPrefix) {
			env = set(env, name, entry)
		}
	}
	env = append(env, c.Identity.variables()...)
	for _, entry := range env {
		if strings.ContainsRune(entry, 0) {
			name, _, _ := strings.Cut(entry, "=")
			return nil, fmt.Errorf("environment variable %q holds a NUL byte", name)
		}
	}
	return env, nil
}

// set puts entry in the place of the one with the same name, or at the end.
func set(env []string, name, entry string) []string {
	for i, e := range env {
		if strings.HasPrefix(e, name+"=") {
			env[i] = entry
			return env
		}
	}
	return append(env, entry)
}

func valueOr(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// directory is the absolute path of the directory to run in, checked; empty
// for the worker's own.
func (c *Command) directory(a account) (string, error) {
	dir := c.Dir
	if dir == "" && c.User == "" {
		return "", nil
	}
	if dir == "" || dir == "~" {
		dir = a.home
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			dir = "/"
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("working directory %q: %w", c.Dir, err)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("working directory %q does not exist", dir)
	case err != nil:
		return "", fmt.Errorf("working directory %q: %w", dir, reasonOf(err))
	case !info.IsDir():
		return "", fmt.Errorf("working directory %q is not a directory", dir)
	}
	return dir, nil
}

// program finds the file to execute, as a shell in dir with the command's
// environment would. The error says why there is none.
func (c *Command) program(env []string, dir string) (string, error) {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return "", errors.New("the command is empty")
	}
	for i, arg := range c.Args {
		if strings.ContainsRune(arg, 0) {
			return "", fmt.Errorf("argument %d of the command holds a NUL byte", i)
		}
	}
	name := c.Args[0]
	if strings.ContainsRune(name, '/') {
		return name, executable(within(dir, name))
	}
	var path string
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			path = value
		}
	}
	var seen error
	for _, place := range filepath.SplitList(path) {
		file := filepath.Join(within(dir, place), name)
		err := executable(file)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && seen == nil {
			seen = err
		}
	}
	if seen != nil {
		return "", seen
	}
	return "", fmt.Errorf("command %q was not found in PATH (%s)", name, path)
}

// within resolves a path that may be relative to dir, or, if that is empty, to
// the worker's own directory.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	if dir == "" {
		if own, err := os.Getwd(); err == nil {
			dir = own
		}
	}
	return filepath.Join(dir, path)
}

// executable says why file cannot be executed by anybody, nil if it can.
// Whether this user may is left to the kernel.
func executable(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("command %q was not found: %w", file, fs.ErrNotExist)
	case err != nil:
		return fmt.Errorf("command %q: %w", file, reasonOf(err))
	case info.IsDir():
		return fmt.Errorf("command %q is a directory", file)
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("command %q is not executable: its mode is %v", file, info.Mode())
	}
	return nil
}

// reasonOf takes the path and the system call off an error of os.
func reasonOf(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

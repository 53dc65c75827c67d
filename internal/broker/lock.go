package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrInUse is wrapped when another process has the data folder.
var ErrInUse = errors.New("the data folder is in use")

// lock is held by the one process that uses a data folder; the kernel drops
// it however that ends.
type lock struct{ file *os.File }

func take(dir string) (*lock, error) {
	path := filepath.Join(dir, "LOCK")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, linkError(path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path) // only to name it
		closed := f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s belongs to the process with pid %s; stop it or choose another folder",
				ErrInUse, dir, strings.TrimSpace(string(holder)))
		}
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), closed)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("writing %s: %w", path, err), f.Close())
	}
	return &lock{f}, nil
}

// release unlocks by closing; the file stays, as removing it would race with
// the next process.
func (l *lock) release() error { return l.file.Close() }

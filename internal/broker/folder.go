package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// secure makes the data folder if it is missing and sees to it that it is
// its owner's alone: the records in it are commands that run as the owner.
// Files that others may have put there are refused, as are links: whatever they
// point at would be written to.
func secure(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	if err := ours(dir); err != nil {
		return err
	}
	root, err := filepath.EvalSymlinks(dir) // the folder itself may be a link, to a larger disk
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // another process has the folder, and the lock will say so
		case err != nil || path == root:
			return err
		}
		return private(path, d)
	})
}

// ours takes the folder away from all others, unless they could have written
// to it before.
func ours(dir string) error {
	link, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	me := os.Geteuid()
	if uid := owner(info); uid != me {
		return fmt.Errorf("the data folder %s belongs to the user with ID %d, and this process runs as %d: "+
			"start it as that user, give the folder to this one, or choose another with --dir", dir, uid, me)
	}
	if uid := owner(link); uid != me && uid != 0 {
		return fmt.Errorf("the data folder %s is a link made by the user with ID %d: remove it, or choose another with --dir", dir, uid)
	}
	if info.Mode().Perm()&0o022 != 0 {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			return fmt.Errorf("others may write to the data folder %s (mode %04o), and what is in it is run as commands: "+
				"look through it, then chmod 700 it, or choose another with --dir", dir, info.Mode().Perm())
		}
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder private: %w", err)
	}
	return nil
}

// private refuses what the broker did not put into the data folder, and takes
// from others what is not theirs.
func private(path string, d fs.DirEntry) error {
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o600)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return linkError(path)
	case info.IsDir():
		mode = 0o700
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither a file nor a folder: the data folder may hold nothing else; move it away", path)
	case hasOtherNames(info):
		return fmt.Errorf("%s has a second name elsewhere (it is a hard link): in the data folder no link is followed; copy it, or move it away", path)
	}
	if uid := owner(info); uid != os.Geteuid() {
		return fmt.Errorf("%s belongs to the user with ID %d, and this process runs as %d: in the data folder all must be its own", path, uid, os.Geteuid())
	}
	if info.Mode().Perm() == mode {
		return nil
	}
	err = os.Chmod(path, mode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func linkError(path string) error {
	return fmt.Errorf("%s is a link: in the data folder no link is followed; put what it points at in its place, or remove it", path)
}

func owner(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

func hasOtherNames(info fs.FileInfo) bool { return info.Sys().(*syscall.Stat_t).Nlink > 1 }

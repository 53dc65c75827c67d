package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSettings bounds a settings file, in bytes.
const maxSettings = 1 << 20

// readSettings reads a settings file. One that was only found in the current
// folder says where passwords go and which jobs run as whom, so it is read
// only if nobody but the user and root can have put it there. The doubts about
// one that was named are returned for the log.
func readSettings(path string, named bool) (data []byte, doubts []error, err error) {
	if !named {
		if err := trustedPlace(path); err != nil {
			return nil, nil, err
		}
	}
	// A pipe without a writer must not hang the command.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return nil, nil, fmt.Errorf("%s is a folder, not a settings file", path)
	}
	if why := distrust(info); why != "" {
		if !named {
			return nil, nil, distrusted(path, "it", why)
		}
		doubts = append(doubts, fmt.Errorf("settings file %s %s: who can write to it decides where passwords go", path, why))
	}
	data, err = io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err == nil && len(data) > maxSettings {
		err = fmt.Errorf("%s is larger than %d bytes, which no settings file is", path, maxSettings)
	}
	return data, doubts, err
}

// trustedPlace checks what a stat of the file itself cannot show: who made the
// link it may be, and who can put another file of the user's in its place.
func trustedPlace(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		if why := strange(info); why != "" {
			return distrusted(path, "the link", why)
		}
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if why := strange(folder); why != "" {
		return distrusted(path, "its folder", why)
	}
	// With the sticky bit (/tmp), nobody moves what is not theirs.
	if why := writable(folder); why != "" && folder.Mode()&fs.ModeSticky == 0 {
		return distrusted(path, "its folder", why)
	}
	return nil
}

func distrusted(path, what, why string) error {
	return usageError(fmt.Errorf("the settings file %s of the current folder is not used: %s %s. "+
		"Give --config ./%s (or BELFRY_CONFIG) if you trust it all the same, or run from another folder", path, what, why, path))
}

// distrust says why others than the user and root can say what is in a file;
// it is empty if they cannot.
func distrust(info fs.FileInfo) string {
	if why := strange(info); why != "" {
		return why
	}
	return writable(info)
}

// strange says whose a file is, unless it is the user's own or root's.
func strange(info fs.FileInfo) string {
	owner := ownerOf(info)
	if owner.Uid == 0 || int(owner.Uid) == os.Geteuid() {
		return ""
	}
	return "belongs to " + account(owner.Uid)
}

// writable says who else can write to a file. The group that holds only the
// user, which many systems make, is nobody else.
func writable(info fs.FileInfo) string {
	group := ownerOf(info).Gid
	private := int(group) == os.Geteuid()
	switch mode := info.Mode().Perm(); {
	case mode&0o002 != 0:
		return fmt.Sprintf("can be written to by everybody (mode %04o)", mode)
	case mode&0o020 != 0 && group != 0 && !private:
		return fmt.Sprintf("can be written to by group %d (mode %04o)", group, mode)
	}
	return ""
}

// readable says who else can read a file that holds a secret.
func readable(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	group := ownerOf(info).Gid
	switch mode := info.Mode().Perm(); {
	case mode&0o004 != 0:
		return fmt.Sprintf("can be read by everybody (mode %04o)", mode)
	case mode&0o040 != 0 && group != 0 && int(group) != os.Geteuid():
		return fmt.Sprintf("can be read by group %d (mode %04o)", group, mode)
	}
	return ""
}

func ownerOf(info fs.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }

func account(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return fmt.Sprintf("%s (uid %s)", u.Username, id)
	}
	return "uid " + id
}

package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Announce leaves word for the other commands of the same user where the
// secret of the broker at addr lies: in the first of the folders that can be
// made, or that exists and is the user's alone. What earlier brokers left
// whose data folder is gone is cleared up. Withdraw takes the word back.
func Announce(folders []string, addr, secret string) (withdraw func() error, err error) {
	secret, err = filepath.Abs(secret)
	if err != nil {
		return nil, err
	}
	for _, dir := range folders {
		if err = announce(dir, addr, secret); err == nil {
			return func() error { return withdrawFrom(dir, addr, secret) }, nil
		}
	}
	return nil, fmt.Errorf("leaving word where the secret lies: %w", err)
}

func announce(dir, addr, secret string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := alone(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if at, err := word(path); err == nil && !exists(at) {
			_ = os.Remove(path) // or the next broker will
		}
	}
	return replace(entry(dir, addr), []byte(secret+"\n"))
}

// withdrawFrom takes the word back if it is still that of this broker.
func withdrawFrom(dir, addr, secret string) error {
	path := entry(dir, addr)
	if at, err := word(path); err == nil && at == secret {
		return os.Remove(path)
	}
	return nil
}

// SecretFile returns the file with the secret of the broker at addr, if one
// of the same user left word there.
func SecretFile(folders []string, addr string) (path string, ok bool) {
	for _, dir := range folders {
		if alone(dir) != nil {
			continue
		}
		for _, a := range synonyms(addr) {
			if at, err := word(entry(dir, a)); err == nil && exists(at) {
				return at, true
			}
		}
	}
	return "", false
}

// synonyms are the addresses that a broker may listen on which is reached at
// addr.
func synonyms(addr string) []string {
	all := []string{addr}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return all
	}
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return all
	}
	for _, h := range []string{"127.0.0.1", "::1", "0.0.0.0", "::"} {
		all = append(all, net.JoinHostPort(h, port))
	}
	return all
}

func entry(dir, addr string) string { return filepath.Join(dir, url.PathEscape(addr)) }

// word reads one entry: the path of a secret.
func word(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	content := make([]byte, unix.PathMax)
	n, err := f.Read(content)
	return strings.TrimSpace(string(content[:n])), err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// alone checks that nobody else could have left a word in dir.
func alone(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || owner(info) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s must be a folder of this user that nobody else may enter (mode 0700)", dir)
	}
	return nil
}

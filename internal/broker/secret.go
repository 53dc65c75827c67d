package broker

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// User and Mechanism are how clients authenticate, with the secret as
// password. With SCRAM neither side gives the secret away: a process that
// takes the broker's address while it is down learns nothing.
const (
	User      = "belfry"
	Mechanism = "SCRAM-SHA-256"
)

// secretFile lies in the data folder; only its owner may read it.
const secretFile = "secret"

// openSecret returns the secret of a data folder, made the first time.
func openSecret(dir string) (string, error) {
	path := filepath.Join(dir, secretFile)
	secret, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		if secret, err = newSecret(); err == nil {
			err = replace(path, []byte(secret+"\n"))
		}
	}
	if err != nil {
		return "", fmt.Errorf("the secret of the embedded broker: %w", err)
	}
	return secret, nil
}

func readSecret(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ELOOP) {
		return "", linkError(path)
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	content := make([]byte, 1024)
	n, _ := f.Read(content) // what cannot be read is too short
	secret := strings.TrimSpace(string(content[:n]))
	if len(secret) < 16 {
		return "", fmt.Errorf("%s holds less than 16 characters: remove it, and a new one is made at the next start", path)
	}
	return secret, nil
}

// newSecret is 256 bits of chance: nobody guesses them from a SCRAM exchange.
func newSecret() (string, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	return hex.EncodeToString(raw), nil
}

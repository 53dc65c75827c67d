package exec

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account is whom a command runs as.
type account struct {
	// name is empty, and credential nil, unless the user was asked for.
	name       string
	home       string
	credential *syscall.Credential
}

// findAccount returns the account called name, which is a user's name or
// number; empty means that of this process.
func findAccount(name string) (account, error) {
	if name == "" {
		return ownAccount(), nil
	}
	u, err := lookUpUser(name)
	if err != nil {
		return account{}, err
	}
	a := account{name: u.Username, home: valueOr(u.HomeDir, "/")}
	if os.Geteuid() != 0 {
		if u.Uid == strconv.Itoa(os.Geteuid()) {
			return a, nil
		}
		return account{}, fmt.Errorf("running as user %q needs a worker that runs as root; this one runs as uid %d", name, os.Geteuid())
	}
	if a.credential, err = credentialOf(u); err != nil {
		return account{}, fmt.Errorf("user %q: %w", name, err)
	}
	return a, nil
}

// ownAccount is the account of this process; only its home matters.
func ownAccount() account {
	home := os.Getenv("HOME")
	if home == "" {
		if u, err := user.Current(); err == nil {
			home = u.HomeDir
		}
	}
	return account{home: valueOr(home, "/")}
}

// lookUpUser takes a name first: a user may be called 1000.
func lookUpUser(name string) (*user.User, error) {
	u, err := user.Lookup(name)
	if err == nil {
		return u, nil
	}
	if _, unknown := errors.AsType[user.UnknownUserError](err); !unknown {
		return nil, fmt.Errorf("looking up user %q: %w", name, err)
	}
	if _, notNumber := strconv.ParseUint(name, 10, 32); notNumber == nil {
		if u, err := user.LookupId(name); err == nil {
			return u, nil
		}
	}
	return nil, fmt.Errorf("user %q is unknown on this host", name)
}

// credentialOf holds the user's number, group and further groups.
func credentialOf(u *user.User) (*syscall.Credential, error) {
	uid, err := number(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := number(u.Gid)
	if err != nil {
		return nil, err
	}
	names, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("looking up groups: %w", err)
	}
	c := &syscall.Credential{Uid: uid, Gid: gid}
	for _, name := range names {
		id, err := number(name)
		if err != nil {
			return nil, err
		}
		c.Groups = append(c.Groups, id)
	}
	return c, nil
}

func number(id string) (uint32, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("reading id %q: %w", id, err)
	}
	return uint32(n), nil
}

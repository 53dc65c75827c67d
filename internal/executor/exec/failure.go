package exec

import (
	"errors"
	"fmt"
	"syscall"
)

// explain puts into words why the kernel did not start file, which was found
// and has an executable bit.
func (c *Command) explain(file string, err error) error {
	reason := reasonOf(err)
	switch {
	case errors.Is(err, syscall.EACCES) && c.User != "":
		return fmt.Errorf("command %q: user %q may not execute it or not enter its working directory: %w", file, c.User, reason)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("command %q: the worker may not execute it or not enter its working directory: %w", file, reason)
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("command %q: the interpreter or loader it names was not found", file)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("command %q is neither a program for this machine nor a script with a #! line", file)
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("command %q: its arguments and environment are longer than this host allows", file)
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM):
		return fmt.Errorf("command %q: the host cannot take another process: %w", file, reason)
	default:
		return fmt.Errorf("starting command %q: %w", file, reason)
	}
}

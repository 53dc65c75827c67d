package exec

import (
	"os"

	"golang.org/x/sys/unix"
)

// outputPipe is os.Pipe but for its second end, which blocks and which Go's
// poller never hears of: that end is handed to a command and closed at once.
// os.Pipe would register and remove it for each command.
func outputPipe() (own, child *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_, _ = unix.Close(fds[0]), unix.Close(fds[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), "output"), os.NewFile(uintptr(fds[1]), "output"), nil
}

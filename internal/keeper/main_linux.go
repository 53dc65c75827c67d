package keeper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// workerFile is the descriptor of the worker's socket.
const workerFile = 3

const (
	// leastThreads is how many goroutines run at once, whatever the processors:
	// the one that starts a command keeps its thread until the kernel executes
	// the command. More of them would only spin in search of work.
	leastThreads = 4
	// heapGrowth, in percent, suits a heap of a few hundred kilobytes: with
	// Go's 100 % the collector runs several times a second.
	heapGrowth = 400
)

// Main is a keeper, until its worker is gone and nothing is left below it.
// The arguments are those that a Client adds: the keeper's mark.
func Main(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		_, _ = fmt.Fprintln(stderr, "belfry: a keeper is started by a worker, for its commands; there is nothing to run by hand")
		return 2
	}
	// The main goroutine holds the process's first thread and starts nothing
	// from it: orphans become children of that thread, and commands of the one
	// that starts them, which tells the two apart.
	runtime.LockOSThread()
	ended := make(chan error)
	go func(first bool) { ended <- keep(args[0], first) }(unix.Gettid() == unix.Getpid())
	if err := <-ended; err != nil {
		_, _ = fmt.Fprintln(stderr, "belfry: keeper:", err)
		return 1
	}
	return 0
}

// keep is a keeper's life. It needs the first thread to be held.
func keep(mark string, held bool) error {
	var stat unix.Stat_t
	if err := unix.Fstat(workerFile, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return errors.New("descriptor 3 is not the socket of a worker")
	}
	l, err := newLine(os.NewFile(workerFile, "worker"))
	if err != nil {
		return err
	}
	defer l.close()
	// The signals that end a worker's group or session are the worker's to
	// act on. They are caught, not ignored: commands would inherit that.
	signal.Notify(make(chan os.Signal, 1), unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGPIPE)
	runtime.GOMAXPROCS(max(leastThreads, runtime.NumCPU()))
	debug.SetGCPercent(heapGrowth)
	k, err := newKeeper(mark, l)
	if !held {
		err = errors.New("the main goroutine was moved off the first thread before Main was called")
	}
	if err != nil {
		// The worker says it, to whoever can do something about it.
		return l.write(helloMessage{problem: err.Error()}.encode())
	}
	if err := l.write(helloMessage{}.encode()); err != nil {
		return err
	}
	err = k.serve()
	k.endAll()
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return nil // the worker has ended, in whatever way
	}
	return err
}

// Seal makes every descriptor of this process, but the first three, one that
// no command inherits. Go opens none that is; but whoever started this
// process may have left some open.
func Seal() error {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("looking for inherited descriptors: %w", err)
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return fmt.Errorf("looking for inherited descriptors: %w", err)
	}
	for _, name := range names {
		// One that is gone meanwhile, as the folder itself, is no fault.
		if fd, ok := number(name); ok && fd > 2 {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
		}
	}
	return nil
}

// treeVariable is what a command's processes are known by.
const treeVariable = "BELFRY_TREE"

// treeEntry is the variable for one command of the keeper of that mark.
func treeEntry(mark string, id uint64) string { return fmt.Sprintf("%s=%s.%d", treeVariable, mark, id) }

// parseTree takes the value of BELFRY_TREE apart.
func parseTree(value string) (mark string, id uint64, ok bool) {
	dot := strings.LastIndexByte(value, '.')
	if dot < 0 {
		return "", 0, false
	}
	n, ok := number(value[dot+1:])
	return value[:dot], uint64(n), ok
}

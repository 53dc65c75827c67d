package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockMemory keeps other processes of the same user from reading this one's
// memory and environment, and from tracing it. What it starts is not meant: a
// new program begins readable.
func lockMemory() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("locking this process's memory: %w", err)
	}
	return nil
}

// blankStart overwrites passwords where the kernel keeps the arguments and
// the environment this process was started with. Unsetting a variable does
// not reach them, and root's commands see them whatever is locked.
func blankStart() error {
	begin, end, err := startBlock()
	if err != nil {
		return fmt.Errorf("blanking the password: %w", err)
	}
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("blanking the password: %w", err)
	}
	block := make([]byte, end-begin)
	_, err = mem.ReadAt(block, begin)
	for _, at := range blanks(block) {
		if err == nil {
			_, err = mem.WriteAt(bytes.Repeat([]byte("x"), at[1]-at[0]), begin+int64(at[0]))
		}
	}
	if err = errors.Join(err, mem.Close()); err != nil {
		return fmt.Errorf("blanking the password: %w", err)
	}
	return nil
}

// startBlock is from where to where the arguments and, behind them, the
// environment lie in memory: proc(5), stat, fields 48 and 51.
func startBlock() (begin, end int64, err error) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0, err
	}
	// The second field is the program's name in brackets, and may hold blanks.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const before, argStart, envEnd = 3, 48, 51
	if len(fields) <= envEnd-before {
		return 0, 0, errors.New("/proc/self/stat does not say where the environment lies")
	}
	begin, err = strconv.ParseInt(fields[argStart-before], 10, 64)
	if err != nil {
		return 0, 0, err
	}
	end, err = strconv.ParseInt(fields[envEnd-before], 10, 64)
	if err == nil && (begin <= 0 || end < begin) {
		err = errors.New("/proc/self/stat does not say where the environment lies")
	}
	return begin, end, err
}

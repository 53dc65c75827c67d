//go:build linux

package cron

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// process is what the kernel tells of the daemon at one moment.
type process struct {
	switches string // how often it went to sleep of its own accord, as text
	children int
	asleep   int64 // seconds of the sleep it asked for; 0 when it does not sleep
}

// look reads /proc, in an order that counts: a daemon that has woken, then
// sleeps, and then has no children has nothing left to do.
func look(pid int) (process, error) {
	var p process
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p, fmt.Errorf("reading the daemon's status: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
			p.switches = strings.TrimSpace(rest)
		}
	}
	if p.asleep, err = sleeping(pid); err != nil {
		return p, err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return p, fmt.Errorf("looking for the daemon's children: %w", err)
	}
	p.children = len(strings.Fields(string(children)))
	return p, nil
}

// sleeping is the time a process asked the kernel to sleep for, in seconds,
// read from its memory while it does.
func sleeping(pid int) (int64, error) {
	call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the daemon's system call: %w", err)
	}
	fields := strings.Fields(string(call))
	var argument int
	switch fields[0] {
	case strconv.Itoa(syscall.SYS_CLOCK_NANOSLEEP):
		argument = 3
	case strconv.Itoa(syscall.SYS_NANOSLEEP):
		argument = 1
	default:
		return 0, nil
	}
	address, err := strconv.ParseInt(fields[argument], 0, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the daemon's system call %q: %w", call, err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return 0, fmt.Errorf("opening the daemon's memory: %w", err)
	}
	var timespec [8]byte
	_, err = memory.ReadAt(timespec[:], address)
	if err := errors.Join(err, memory.Close()); err != nil {
		return 0, fmt.Errorf("reading the daemon's memory: %w", err)
	}
	return int64(binary.NativeEndian.Uint64(timespec[:])), nil
}

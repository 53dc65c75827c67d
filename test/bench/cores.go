package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// apart gives Kafka one half of the cores and this process the other, until
// undo is called: brokers have machines of their own where it matters, and
// what is compared here must have the same cores on both sides. It does
// nothing to a Kafka that somebody else has started.
func (c *cluster) apart() (undo func(), err error) {
	n := runtime.NumCPU()
	if c.started == nil || n < 2 {
		fmt.Println("Kafka shares the cores")
		return func() {}, nil
	}
	for _, pid := range slices.Sorted(maps.Values(c.started.Pids())) {
		if err := pin(pid, n/2, n); err != nil {
			return nil, err
		}
	}
	if err := pin(os.Getpid(), 0, n/2); err != nil {
		return nil, err
	}
	before := runtime.GOMAXPROCS(n / 2)
	fmt.Printf("%d cores for Kafka, %d for what is measured\n", n-n/2, n/2)
	return func() {
		runtime.GOMAXPROCS(before)
		for _, pid := range append(slices.Collect(maps.Values(c.started.Pids())), os.Getpid()) {
			_ = pin(pid, 0, n) // the next part says how it fares
		}
	}, nil
}

// pin keeps all threads of a process, and those they start, on the cores from
// first to before end.
func pin(pid, first, end int) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return fmt.Errorf("pinning process %d: %w", pid, err)
	}
	var cores unix.CPUSet
	for core := first; core < end; core++ {
		cores.Set(core)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(id, &cores); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("pinning thread %d: %w", id, err)
		}
	}
	return nil
}

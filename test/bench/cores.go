package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// siteApart makes fresh topics, and gives Kafka one half of the cores and this
// process the other until the site is closed: brokers have machines of their
// own where it matters, and what is compared here must have the same cores on
// both sides. A Kafka that somebody else has started stays where it is.
func (c *cluster) siteApart(ctx context.Context) (*site, error) {
	s, err := c.site(ctx)
	if err != nil {
		return nil, err
	}
	n := runtime.NumCPU()
	if c.started == nil || n < 2 {
		fmt.Println("all share the cores")
		return s, nil
	}
	brokers := slices.Collect(maps.Values(c.started.Pids()))
	if err := errors.Join(pin(n/2, n, brokers...), pin(0, n/2, os.Getpid())); err != nil {
		s.close()
		return nil, err
	}
	before := runtime.GOMAXPROCS(n / 2)
	fmt.Printf("%d cores for Kafka, %d for what is measured\n", n-n/2, n/2)
	s.together = func() {
		runtime.GOMAXPROCS(before)
		_ = pin(0, n, append(brokers, os.Getpid())...) // as it can
	}
	return s, nil
}

// siteShared makes fresh topics, and lets Kafka and what is measured share all
// cores.
func (c *cluster) siteShared(ctx context.Context) (*site, error) {
	fmt.Println("all share the cores")
	return c.site(ctx)
}

// pin keeps all threads of processes, and those they start, on the cores from
// first to before end.
func pin(first, end int, pids ...int) error {
	var cores unix.CPUSet
	for core := first; core < end; core++ {
		cores.Set(core)
	}
	for _, pid := range pids {
		if err := pinProcess(pid, &cores); err != nil {
			return fmt.Errorf("pinning process %d: %w", pid, err)
		}
	}
	return nil
}

func pinProcess(pid int, cores *unix.CPUSet) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(id, cores); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

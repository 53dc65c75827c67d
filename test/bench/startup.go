package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	testsite "github.com/belfry-cron/belfry/test/site"
)

// startWait bounds a start.
const startWait = 20 * time.Minute

// The goals, and for how many jobs they are.
const (
	goalJobs  = 1_000_000
	startGoal = 10 * time.Second
	peakGoal  = 500 << 20
)

// startup measures a scheduler process that starts with many jobs whose state
// an earlier one has written, beside a plain read of the same records.
func startup(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "belfry-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin, err := testsite.Binary(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Printf("%-9s %12s %12s %12s %12s %12s %12s %7s\n", "jobs", "first start", "start", "plain read", "CPU", "resident", "peak", "goals")
	for _, n := range sizes(o.jobs) {
		if n < 100_000 && o.jobs >= 100_000 {
			continue
		}
		s, err := o.kafka.site(ctx)
		if err != nil {
			return err
		}
		if err := s.apply(ctx, n, definition); err != nil {
			return err
		}
		first, err := s.start(ctx, bin)
		if err != nil {
			return err
		}
		again, err := s.start(ctx, bin)
		if err != nil {
			return err
		}
		read, err := s.plainRead(ctx, nil, s.names.State(), s.names.Jobs())
		if err != nil {
			return err
		}
		s.close()
		goals := ""
		if n == goalJobs {
			goals = met(again.took <= startGoal && again.peak <= peakGoal)
		}
		fmt.Printf("%-9d %12s %12s %12s %12s %9d MB %9d MB %7s\n", n, first.took.Round(10*time.Millisecond),
			again.took.Round(10*time.Millisecond), read.Round(10*time.Millisecond), again.cpu, again.resident>>20, again.peak>>20, goals)
	}
	return nil
}

// started is what a start took until the scheduler was ready, and what it
// holds a few seconds later.
type started struct {
	took, cpu      time.Duration
	resident, peak int64
}

func (s *site) start(ctx context.Context, bin string) (started, error) {
	var m started
	addr, err := freeAddress()
	if err != nil {
		return m, err
	}
	cmd := exec.CommandContext(ctx, bin, "scheduler", "--name", "scheduler-1", "--metrics-addr", addr, "--quiet")
	cmd.Env = append(os.Environ(), "BELFRY_BROKERS="+s.brokers, "BELFRY_PREFIX="+s.names.Prefix, "BELFRY_LOG_LEVEL=warn")
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return m, err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	if err := awaitReady(ctx, "http://"+addr+"/readyz"); err != nil {
		return m, err
	}
	m.took, m.cpu = time.Since(began), cpuOf(cmd.Process.Pid)
	if err := wait(ctx, 5*time.Second); err != nil {
		return m, err
	}
	m.resident, m.peak = resident(cmd.Process.Pid)
	return m, nil
}

func awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	client := &http.Client{}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if answer, err := client.Do(req); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// up measures how long a first `belfry up` in an empty folder takes until it
// says anything.
func up(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "belfry-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin, err := testsite.Binary(ctx, dir)
	if err != nil {
		return err
	}
	var all []time.Duration
	for i := range max(3, o.rounds) {
		took, err := firstLine(ctx, bin, filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return err
		}
		all = append(all, took)
	}
	slices.Sort(all)
	fmt.Printf("figure: first output %s after the start in an empty folder (median of %v)\n", all[len(all)/2], all)
	return nil
}

func firstLine(ctx context.Context, bin, dir string) (time.Duration, error) {
	addr, err := freeAddress()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, bin, "up", "--dir", dir, "--listen", addr)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		go func() { _, _ = io.Copy(io.Discard, r) }()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		return 0, err
	}
	return time.Since(began).Round(time.Millisecond), nil
}

// Command soak runs Belfry on a real Kafka under load and under faults, and
// has what came of it judged: three brokers, two schedulers, three workers,
// hundreds of jobs each second; in turn, schedulers, workers and brokers are
// killed with SIGKILL or frozen with SIGSTOP, while jobs are edited, paused,
// deleted, cancelled and queues resized.
//
// The judge is internal/sim/check. It takes what the commands wrote about
// themselves and what the topics hold, and says pass, fail or invalid: exit
// code 0, 1 or 2. A report with the lateness beside the faults is written as
// one HTML file, the same figures as JSON and on standard output.
//
// Whatever happens, all that it started is stopped. After a failure the
// folder with the logs of all processes is kept, and its name printed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/belfry-cron/belfry/internal/sim/check"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

// options are what the command line says.
type options struct {
	span, every time.Duration
	rate        int
	seed        uint64
	version     string
	out         string
	late        time.Duration
	keep        bool
}

func main() {
	o := options{}
	flag.DurationVar(&o.span, "for", 10*time.Minute, "how long load and faults last")
	flag.DurationVar(&o.every, "every", 30*time.Second, "time from one fault to the next")
	flag.IntVar(&o.rate, "rate", 200, "jobs due each second, beside slow, failing and long ones")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "what faults and changes follow from")
	flag.StringVar(&o.version, "kafka", kafkatest.Latest, "version of Kafka: "+kafkatest.Latest+" or "+kafkatest.ZooKeeper)
	flag.StringVar(&o.out, "out", "bin/soak", "folder for report.html and figures.json")
	flag.DurationVar(&o.late, "late", 0, "fail if a run starts that late with no fault to explain it; 0 only shows how late they were")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with logs and data also if it passes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	verdict, err := soak(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	switch {
	case err == nil && verdict == check.Pass:
	case err == nil && verdict == check.Invalid:
		os.Exit(2)
	default:
		os.Exit(1)
	}
}

// soak is one soak from the first broker to the report.
func soak(ctx context.Context, o options) (verdict check.Verdict, err error) {
	dir, err := os.MkdirTemp("", "belfry-soak-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err == nil && verdict == check.Pass && !o.keep {
			err = os.RemoveAll(dir)
			return
		}
		fmt.Fprintln(os.Stderr, "soak: logs, journal and data are kept in", dir)
	}()
	say("seed %d; Kafka %s; %d jobs/s for %s, a fault every %s; %s/%s, %d CPUs",
		o.seed, o.version, o.rate, o.span, o.every, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	w, err := newWorld(ctx, dir, o)
	if err != nil {
		return "", err
	}
	defer w.stop()
	e, err := w.live(ctx)
	if err != nil {
		return "", err
	}
	r, err := check.Judge(e)
	if err != nil {
		return "", err
	}
	return r.Verdict, report(o, w, e, r)
}

// say tells whoever watches what is going on.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

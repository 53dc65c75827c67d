// Command bench prints how Belfry compares with the raw limit of what it is
// built on, measured beside it in the same run: with plain transactions of
// franz-go, with plain os/exec, and with itself ten times smaller.
//
// It starts a Kafka of three brokers unless BELFRY_BROKERS names one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

type options struct {
	jobs, fires, burst, runs, rounds int
	profile                          string
	kafka                            *cluster
}

// part is one thing that is measured.
type part struct {
	name, what string
	measure    func(context.Context, options) error
}

func parts() []part {
	return []part{
		{"up", "first output of `belfry up` in an empty folder (goal: 1 s)", up},
		{"growth", "memory for each job and processor time for each fire, without Kafka (goal: the same at all sizes)", growth},
		{"burst", "jobs due in one second, enqueued by one scheduler, beside plain transactions of the same records (goals: ratio 0.8, last 5 s after due, none lost)", burst},
		{"runs", "runs of /bin/true by one worker, beside plain os/exec (goal: ratio 0.7)", runs},
		{"startup", "a scheduler that starts with many jobs (goal for 1 M: 15 s, 600 MB)", startup},
		{"lateness", "how late commands start, 100 a second", lateness},
		{"handed", "how late runs are handed to their executors, 1,000 a second, beside timers", handed},
	}
}

func main() {
	o := options{kafka: &cluster{}}
	only := flag.String("only", "", "the parts to measure, with commas between; all if empty")
	flag.IntVar(&o.jobs, "jobs", 1_000_000, "the largest number of jobs")
	flag.IntVar(&o.fires, "fires", 20_000, "fires measured for each number of jobs")
	flag.IntVar(&o.burst, "burst", 100_000, "jobs due in one second")
	flag.IntVar(&o.runs, "runs", 10_000, "runs of /bin/true in each round")
	flag.IntVar(&o.rounds, "rounds", 2, "rounds of what is compared side by side")
	flag.StringVar(&o.kafka.version, "kafka", kafkatest.Latest, "version of the Kafka that is started")
	flag.StringVar(&o.profile, "cpuprofile", "", "file for a profile of this process")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := errors.Join(bench(ctx, o, *only), o.kafka.stop())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, o options, only string) error {
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Println(machine())
	for _, p := range parts() {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		fmt.Printf("\n%s: %s\n", p.name, p.what)
		if err := p.measure(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

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
	"time"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

type options struct {
	jobs, fires, burst, runs, rounds, shard int
	short                                   bool
	profile                                 string
	kafka                                   *cluster
}

// shortened is what is enough to see that a part works: its figures say
// little.
func (o options) shortened() options {
	o.short, o.rounds = true, 1
	o.jobs, o.fires, o.burst, o.runs, o.shard = o.jobs/10, o.fires/10, o.burst/10, o.runs/10, o.shard/10
	return o
}

// span is how long to measure.
func (o options) span(long time.Duration) time.Duration {
	if o.short {
		return (long / 3).Truncate(time.Second)
	}
	return long
}

// warm is how many rounds do not count.
func (o options) warm(rounds int) int {
	if o.short {
		return 1
	}
	return rounds
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
		{"burst-shared", "the same on the cores that a warm Kafka uses as well (goals: the same)", burstShared},
		{"runs", "runs of /bin/true by one worker, beside plain os/exec (goal: ratio 0.7)", runs},
		{"runs-shared", "the same on the cores that a warm Kafka uses as well (goal: ratio 0.7)", runsShared},
		{"startup", "a scheduler that starts with many jobs, beside a plain read (goals for 1 M: 10 s, 500 MB)", startup},
		{"takeover", "from the death of a shard's owner to the first commit of the next, beside a plain read (goal: 3 s)", takeover},
		{"lateness", "how late commands start, 100 a second", lateness},
		{"instant", "how late commands of `belfry up` start that are due at one instant, beside os/exec (goal: p99 1.5 times its)", instant},
		{"handed", "how late runs are handed to their executors, 1,000 a second, beside timers", handed},
		{"cold", "the same at one instant of each second, from a cold Kafka on (goals after 30 s: with their workers before due, p99 60 ms beyond timers)", cold},
		{"cost", "records and bytes for each run, `belfry up` (goals: 7 records, 1.5 kB)", cost},
		{"cost-kafka", "the same on Kafka, with one scheduler and one worker", costKafka},
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
	flag.IntVar(&o.shard, "shard", 125_000, "jobs of the shard that is taken over")
	short := flag.Bool("short", false, "a tenth of all sizes, a third of all times, one round: to see that it works")
	flag.StringVar(&o.kafka.version, "kafka", kafkatest.Latest, "version of the Kafka that is started")
	flag.StringVar(&o.profile, "cpuprofile", "", "file for a profile of this process")
	flag.Parse()
	if *short {
		o = o.shortened()
	}
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

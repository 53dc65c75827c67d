// Command failover measures how much of a broker's death Belfry feels: real
// belfry processes run on a real Kafka of three brokers with Kafka's own
// timeouts, at 100 due times a second, and each broker in turn is killed,
// frozen, cut off or restarted. The same load is measured without a fault right
// before each fault.
//
// Lateness is read off the ledger: the time from the instant at which a run was
// to start to the start of its command. internal/sim/check judges which runs
// were lost or doubled. A plain client writes to the same Kafka, so that Kafka's
// part is told from Belfry's.
//
// The exit code is 1 if a promise was broken and 2 if too little happened to
// prove anything; late runs never fail it. All processes that it started are
// stopped at its end, an interruption included.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/belfry-cron/belfry/internal/sim/check"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

// options are the settings of the command line.
type options struct {
	versions, kinds []string
	rounds, brokers int
	rate            int
	warm            time.Duration // not measured: a cold Kafka takes seconds for a transaction
	calm, away      time.Duration
	scheduler       []string
	json, short     bool
	keep            bool
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	verdict, err := bench(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
	}
	switch {
	case err != nil || verdict == check.Fail:
		os.Exit(1)
	case verdict == check.Invalid:
		os.Exit(2)
	}
}

func parse(args []string) (options, error) {
	o := options{warm: 30 * time.Second}
	f := flag.NewFlagSet("failover", flag.ContinueOnError)
	versions := f.String("kafka", kafkatest.Latest+","+kafkatest.ZooKeeper, "versions of Kafka, one after the other")
	kinds := f.String("faults", strings.Join(kindNames(), ","), "faults, one after the other")
	f.IntVar(&o.rounds, "rounds", 5, "how often each broker is struck in each way")
	f.IntVar(&o.brokers, "brokers", 3, "how many of the brokers are struck, from the leader of the beats on")
	f.IntVar(&o.rate, "rate", 100, "jobs due each second, beside the others")
	f.DurationVar(&o.calm, "calm", 30*time.Second, "how long the load is measured without a fault before each")
	f.DurationVar(&o.away, "away", 30*time.Second, "how long a broker is gone, frozen or cut off")
	scheduler := f.String("scheduler", "", "more arguments for schedulers, such as \"--lead 20s\"")
	output := f.String("o", "text", "text or json, to standard output")
	f.BoolVar(&o.short, "short", false, "one broker of the latest Kafka killed once at 50 jobs a second, in some two minutes")
	f.BoolVar(&o.keep, "keep", false, "keep logs, journals and data also if nothing was broken")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.versions, o.kinds = strings.Split(*versions, ","), strings.Split(*kinds, ",")
	o.scheduler, o.json = strings.Fields(*scheduler), *output == "json"
	if o.short {
		o.versions, o.kinds, o.rounds, o.brokers = []string{kafkatest.Latest}, []string{"kill"}, 1, 1
		o.rate = min(o.rate, 50)
		o.warm, o.calm, o.away = 15*time.Second, 10*time.Second, 15*time.Second
	}
	for _, k := range o.kinds {
		if !slices.Contains(kindNames(), k) {
			return o, fmt.Errorf("unknown fault %q: there are %s", k, strings.Join(kindNames(), ", "))
		}
	}
	if *output != "text" && *output != "json" {
		return o, fmt.Errorf("unknown output %q: there are text and json", *output)
	}
	if o.rounds < 1 || o.brokers < 1 || o.brokers > brokers || o.rate < 1 {
		return o, fmt.Errorf("-rounds and -rate must be at least 1, -brokers 1 to %d", brokers)
	}
	return o, nil
}

// bench runs all faults on all versions and reports. Figures that were taken
// before an error are reported, too.
func bench(ctx context.Context, o options) (check.Verdict, error) {
	r := newReport(o)
	var err error
	for _, version := range o.versions {
		if err = benchOn(ctx, o, version, r); err != nil {
			break
		}
	}
	if len(r.Strikes) == 0 {
		return check.Invalid, err
	}
	return r.verdict(), errors.Join(err, r.write(os.Stdout, o.json))
}

// say writes a line of progress to standard error.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case <-time.After(d):
		return nil
	}
}

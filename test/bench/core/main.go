// Command core measures what Belfry's core promises on a real Kafka of three
// brokers: how late commands start at a steady rate, beside a plain Go timer
// that starts the same commands at the same rate in the same run, and what a
// scheduler killed under that load does to them.
//
// It starts a Kafka of its own unless BELFRY_BROKERS names one. One process
// start is timed by the command itself: it makes a file, whose modification
// time counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

func main() {
	o := options{}
	flag.IntVar(&o.rate, "rate", 100, "commands started per second")
	flag.DurationVar(&o.phase, "phase", 30*time.Second, "length of each phase")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds, each of a phase of the timer and one of Belfry")
	flag.StringVar(&o.version, "kafka", kafkatest.Latest, "version of the Kafka that is started")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-core:", err)
		os.Exit(1)
	}
}

type options struct {
	rate    int
	phase   time.Duration
	rounds  int
	version string
}

func bench(ctx context.Context, o options) (err error) {
	brokers := os.Getenv("BELFRY_BROKERS")
	if brokers == "" {
		fmt.Fprintf(os.Stderr, "starting Kafka %s, three brokers\n", o.version)
		c, err := kafkatest.Start(ctx, kafkatest.Options{Version: o.version})
		if err != nil {
			return err
		}
		defer c.Stop()
		brokers = strings.Join(c.Brokers(), ",")
	}
	dir, err := os.MkdirTemp("", "belfry-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := newSite(ctx, dir, brokers, o.rate)
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Fprintln(os.Stderr, "warming up")
	if err := s.begin(ctx); err != nil {
		return err
	}
	if err := s.apply(ctx, true); err != nil {
		return err
	}
	fmt.Printf("%-26s %8s %6s %8s %9s %9s %9s %9s %9s\n",
		"", "started", "lost", "doubled", "p50", "p90", "p99", "worst", "> 1 s")
	var timer, belfry, beside, both []result
	for round := range o.rounds {
		timer = append(timer, plain(ctx, dir, o, fmt.Sprintf("plain timer %d", round+1)))
		timer[round].print()
		r, err := s.measure(ctx, fmt.Sprintf("Belfry %d", round+1), o.phase, func() {})
		if err != nil {
			return err
		}
		r.print()
		belfry = append(belfry, r)
		r, err = s.measure(ctx, fmt.Sprintf("Belfry %d, both", round+1), o.phase, func() {
			beside = append(beside, plain(ctx, dir, o, fmt.Sprintf("plain timer %d, both", round+1)))
		})
		if err != nil {
			return err
		}
		beside[round].print()
		r.print()
		both = append(both, r)
	}
	killed, err := s.measure(ctx, "Belfry, scheduler killed", o.phase, func() {
		if wait(ctx, o.phase/3) == nil {
			s.killScheduler()
		}
	})
	if err != nil {
		return err
	}
	killed.print()
	report(timer, belfry, beside, both, killed)
	return nil
}

// report prints the phases of a kind as one: what disturbs the machine now and
// then falls into some of them.
func report(timer, belfry, beside, both []result, killed result) {
	timerAll, belfryAll := pool("plain timer, all", timer), pool("Belfry, all", belfry)
	besideAll, bothAll := pool("plain timer, both, all", beside), pool("Belfry, both, all", both)
	for _, r := range []result{timerAll, belfryAll, besideAll, bothAll} {
		r.print()
	}
	fmt.Printf("figure: p99 %.2f times a plain timer's in turn with it, %.2f times beside it; a scheduler killed: %d lost, %d doubled, worst %s\n",
		ratio(belfryAll, timerAll), ratio(bothAll, besideAll), killed.lost, killed.doubled, killed.at(1))
}

func ratio(a, b result) float64 { return float64(a.at(0.99)) / float64(b.at(0.99)) }

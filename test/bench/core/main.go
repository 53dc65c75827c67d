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
	var timer, belfry []result
	for round := 1; round <= o.rounds; round++ {
		fmt.Fprintf(os.Stderr, "round %d: plain timer, %s\n", round, o.phase)
		timer = append(timer, plain(ctx, dir, o, fmt.Sprintf("plain timer %d", round)))
		fmt.Fprintf(os.Stderr, "round %d: Belfry, %s\n", round, o.phase)
		r, err := s.measure(ctx, fmt.Sprintf("Belfry %d", round), o.phase, func() {})
		if err != nil {
			return err
		}
		belfry = append(belfry, r)
	}
	fmt.Fprintf(os.Stderr, "Belfry with a scheduler killed, %s\n", o.phase)
	r, err := s.measure(ctx, "Belfry, scheduler killed", o.phase, s.killScheduler)
	if err != nil {
		return err
	}
	report(timer, belfry, r)
	return nil
}

// report prints each phase, then the phases of a kind as one: what disturbs
// the machine now and then falls into some of them.
func report(timer, belfry []result, killed result) {
	fmt.Printf("%-26s %8s %6s %8s %9s %9s %9s %9s %9s\n",
		"", "started", "lost", "doubled", "p50", "p90", "p99", "worst", "> 1 s")
	for i := range timer {
		timer[i].print()
		belfry[i].print()
	}
	killed.print()
	plainAll, belfryAll := pool("plain timer, all", timer), pool("Belfry, all", belfry)
	plainAll.print()
	belfryAll.print()
	fmt.Printf("figure: %.2f times the plain timer's p99 (%s, %s); a scheduler killed: %d lost, %d doubled, worst %s\n",
		float64(belfryAll.at(0.99))/float64(plainAll.at(0.99)), belfryAll.at(0.99), plainAll.at(0.99),
		killed.lost, killed.doubled, killed.at(1))
}

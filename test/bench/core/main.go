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
	var results []result
	for round := 1; round <= 2; round++ {
		fmt.Fprintf(os.Stderr, "round %d: plain timer, %s\n", round, o.phase)
		results = append(results, plain(ctx, dir, o, fmt.Sprintf("plain timer %d", round)))
		fmt.Fprintf(os.Stderr, "round %d: Belfry, %s\n", round, o.phase)
		r, err := s.measure(ctx, fmt.Sprintf("Belfry %d", round), o.phase, func() {})
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	fmt.Fprintf(os.Stderr, "Belfry with a scheduler killed, %s\n", o.phase)
	r, err := s.measure(ctx, "Belfry, scheduler killed", o.phase, s.killScheduler)
	if err != nil {
		return err
	}
	report(append(results, r))
	return nil
}

func report(results []result) {
	fmt.Printf("%-26s %8s %6s %8s %9s %9s %9s %9s %9s\n",
		"", "started", "lost", "doubled", "p50", "p90", "p99", "worst", "> 1 s")
	for _, r := range results {
		fmt.Printf("%-26s %8d %6d %8d %9s %9s %9s %9s %9d\n", r.name, len(r.late), r.lost, r.doubled,
			r.at(0.5), r.at(0.9), r.at(0.99), r.at(1), r.beyond(time.Second))
	}
	plain99 := min(results[0].at(0.99), results[2].at(0.99))
	belfry99 := min(results[1].at(0.99), results[3].at(0.99))
	fmt.Printf("p99 of Belfry / p99 of the plain timer: %.2f\n", float64(belfry99)/float64(plain99))
}

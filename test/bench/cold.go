package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

const (
	// coldSpan is how long jobs are due on a Kafka that was just started.
	coldSpan = 90 * time.Second
	// coldGrace is after which time the goals hold.
	coldGrace = 30 * time.Second
	// coldLimit is how long after the span its last runs may be handed over.
	coldLimit = time.Minute
	// coldRow is how much of the span one row shows.
	coldRow = 10 * time.Second
	// coldGoal is how much later than a timer's the hand-over may be, at p99.
	coldGoal = 60 * time.Millisecond
)

// cold starts a Kafka and has as many jobs as fast says due at each full
// second at once, beside as many timers in the same process.
func cold(ctx context.Context, o options) error {
	if os.Getenv("BELFRY_BROKERS") != "" {
		fmt.Println("left out: the Kafka of BELFRY_BROKERS is not cold")
		return nil
	}
	if err := o.kafka.stop(); err != nil {
		return err
	}
	s, err := o.kafka.siteApart(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	h := newHanding()
	ctx, stop := context.WithCancel(ctx)
	ended := h.members(ctx, stop, s)
	err = h.cold(ctx, s, o)
	stop()
	for range cap(ended) {
		err = errors.Join(err, <-ended)
	}
	return err
}

func (h *handing) cold(ctx context.Context, s *site, o options) error {
	if err := s.apply(ctx, fast, everySecond); err != nil {
		return err
	}
	span := max(o.span(coldSpan), coldGrace+coldRow)
	from := time.Now().Add(2 * time.Second).Truncate(time.Second)
	to := from.Add(span)
	var instants []time.Time
	for due := from; due.Before(to); due = due.Add(time.Second) {
		instants = append(instants, slices.Repeat([]time.Time{due}, fast)...)
	}
	timer := beside(instants)
	if err := pause(ctx, time.Until(to)); err != nil {
		return err
	}
	for limit := to.Add(coldLimit); h.handedOver(from, to) < len(instants) && time.Now().Before(limit); {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	h.showCold(timer(), from, to)
	return nil
}

// handedOver counts the runs due in [from, to) that were.
func (h *handing) handedOver(from, to time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for id := range h.at {
		if due := h.runs[id].Due; !due.Before(from) && due.Before(to) {
			n++
		}
	}
	return n
}

// showCold prints how late runs were handed over as time went on, and judges
// the time after the grace.
func (h *handing) showCold(timer []late, from, to time.Time) {
	fmt.Printf("%-12s %8s %6s %14s %9s %9s %9s %11s\n", "second", "handed", "behind", "held when due", "p50", "p99", "worst", "timer's p99")
	show := func(from, to time.Time, name string) (ok bool) {
		handed, _ := h.due(from, to)
		timers := between(timer, from, to)
		behind, held := fast*int(to.Sub(from)/time.Second)-len(handed), h.held(from, to)
		fmt.Printf("%-12s %8d %6d %14d %9s %9s %9s %11s\n", name, len(handed), behind, held,
			quantile(handed, 0.5), quantile(handed, 0.99), quantile(handed, 1), quantile(timers, 0.99))
		return behind == 0 && held == len(handed) && quantile(handed, 0.99)-quantile(timers, 0.99) <= coldGoal
	}
	for at := from; at.Before(to); at = at.Add(coldRow) {
		show(at, at.Add(coldRow), fmt.Sprintf("%.0f to %.0f", at.Sub(from).Seconds(), (at.Sub(from)+coldRow).Seconds()))
	}
	ok := show(from.Add(coldGrace), to, fmt.Sprintf("all from %.0f", coldGrace.Seconds()))
	steady := to
	for steady.After(from) && h.held(steady.Add(-time.Second), steady) == fast {
		steady = steady.Add(-time.Second)
	}
	if steady.Equal(to) {
		fmt.Println("at the end, not every run was with its worker before it was due")
	} else {
		fmt.Printf("from second %.0f on every run was with its worker before it was due\n", steady.Sub(from).Seconds())
	}
	fmt.Printf("goals: %s\n", met(ok))
}

// held counts the runs due in [from, to) that their workers held before, by
// the last claim of each.
func (h *handing) held(from, to time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for id, r := range h.runs {
		if at, ok := h.claimed[id]; ok && !r.Due.Before(from) && r.Due.Before(to) && !at.After(r.NotBefore) {
			n++
		}
	}
	return n
}

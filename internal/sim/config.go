package sim

import (
	"math/rand/v2"
	"time"
)

// Small is the world of a seed: a few minutes with much going wrong.
func Small(seed uint64) Config {
	dice := rand.New(rand.NewPCG(seed, 0x776f726c64))
	choose := func(of ...int) int { return of[dice.IntN(len(of))] }
	c := Config{
		Seed: seed, Schedulers: choose(2, 2, 3), Workers: choose(2, 3, 4), Clusters: choose(1, 1, 2),
		Shards: int32(choose(1, 2, 3)), Partitions: choose(2, 4, 6), Jobs: choose(5, 8, 12),
		Slots: choose(4, 8, 16), RetrySlots: choose(2, 4), Survivors: choose(0, 1),
		Lead: time.Duration(choose(5, 5, 30, 30, 30, 20, 2, 0)) * time.Second,
		Span: time.Duration(choose(3, 4, 6)) * time.Minute, Settle: 5 * time.Minute,
		FaultEvery: time.Duration(choose(0, 8, 15, 15, 30)) * time.Second, ChangeEvery: time.Duration(choose(0, 8, 20)) * time.Second,
		Clocks: time.Duration(choose(0, 0, 0, 0, 1, 30)) * time.Second,
		Start:  time.Date(2026, 6, 10, 11, 58, 30, 0, time.UTC),
	}
	switch dice.IntN(5) {
	case 0: // clocks in Zurich go forward at 01:00 UTC
		c.Start = time.Date(2026, 3, 29, 0, 58, 0, 0, time.UTC)
	case 1: // and back
		c.Start = time.Date(2026, 10, 25, 0, 58, 0, 0, time.UTC)
	}
	c.CleanEvery = time.Duration(choose(40, 90, 1000)) * time.Second
	return c
}

// Day is a day of many jobs, with a fault every half hour.
func Day(seed uint64) Config {
	c := Small(seed)
	c.Schedulers, c.Workers, c.Clusters, c.Shards, c.Partitions, c.Jobs = 2, 3, 1, 8, 6, 1000
	c.Slots, c.RetrySlots, c.Lead, c.Clocks = 32, 8, 5*time.Second, 0
	c.Span, c.Settle = 24*time.Hour, 10*time.Minute
	c.FaultEvery, c.ChangeEvery = 15*time.Minute, 5*time.Minute
	c.CleanEvery = 10 * time.Minute
	c.Start = time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	return c
}

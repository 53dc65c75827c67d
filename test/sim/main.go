// Command sim lives through many seeds of the simulator, on all cores, and
// tells the story of the first that breaks a promise.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry-cron/belfry/internal/sim"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

func main() { os.Exit(run()) }

func run() int {
	var (
		first   = flag.Uint64("first", 1, "the first seed")
		seeds   = flag.Uint64("seeds", 1000, "how many")
		seed    = flag.Uint64("seed", 0, "only this one, with its trace")
		day     = flag.Bool("day", false, "a day of 1,000 jobs instead of a few minutes of a few")
		mutant  = flag.String("mutant", "", "with this planted fault; \"list\" lists them")
		workers = flag.Int("parallel", runtime.NumCPU(), "how many at a time")
		whole   = flag.Bool("whole", false, "with -seed: the whole trace, whatever it shows")
		all     = flag.Bool("all", false, "go on after a failure")
	)
	flag.Parse()
	debug.SetGCPercent(400) // a day's log is large and lives long
	planted, ok := find(*mutant)
	if !ok {
		return 2
	}
	config := func(s uint64) sim.Config {
		c := sim.Small(s)
		if *day {
			c = sim.Day(s)
		}
		c.Mutant = planted
		return c
	}
	if *seed != 0 {
		c := config(*seed)
		c.Whole = *whole
		return tell(c, true)
	}
	began := time.Now()
	failed, count := sweep(*first, *first+*seeds, *workers, *all, config)
	fmt.Printf("%d seeds in %s: %s\n", count.seeds.Load(), time.Since(began).Round(time.Millisecond), count)
	if failed == 0 {
		fmt.Printf("figure: %d due times and %d starts in %d seeded worlds of faults: 0 lost, 0 doubled, all else kept\n",
			count.dues.Load(), count.starts.Load(), count.seeds.Load())
		return 0
	}
	fmt.Printf("\nseed %d breaks a promise; again with: go run ./test/sim -seed %d%s\n\n", failed, failed, with(*day, *mutant))
	return tell(config(failed), false)
}

func with(day bool, mutant string) string {
	s := ""
	if day {
		s += " -day"
	}
	if mutant != "" {
		s += " -mutant " + mutant
	}
	return s
}

func find(name string) (sim.Mutant, bool) {
	for _, m := range sim.Mutants() {
		if m.Name == name {
			return m, true
		}
		if name == "list" {
			fmt.Printf("%-24s %s\n", m.Name, m.What)
		}
	}
	return sim.Mutant{}, name == ""
}

// tally sums up what was lived through.
type tally struct{ seeds, dues, starts, ended, skipped, failed, invalid atomic.Int64 }

// mostInvalid is of how many worlds one may be without anything to judge: one
// whose clocks differ by more than its jobs stay the same.
const mostInvalid = 20

func (t *tally) String() string {
	return fmt.Sprintf("%d due times, %d starts, %d runs ended, %d skipped; %d seeds without load, %d failed",
		t.dues.Load(), t.starts.Load(), t.ended.Load(), t.skipped.Load(), t.invalid.Load(), t.failed.Load())
}

// sweep runs the seeds from first up to last and returns the lowest that
// failed, or 0.
func sweep(first, last uint64, workers int, all bool, config func(uint64) sim.Config) (uint64, *tally) {
	var group sync.WaitGroup
	var next, lowest atomic.Uint64
	next.Store(first)
	count := &tally{}
	for range workers {
		group.Go(func() {
			for {
				s := next.Add(1) - 1
				if s >= last || !all && lowest.Load() != 0 {
					return
				}
				r, err := sim.Run(config(s))
				count.add(r.Report)
				if err == nil && r.Report.Verdict == check.Pass {
					continue
				}
				if err == nil && r.Report.Verdict == check.Invalid && count.invalid.Add(1) <= int64(last-first)/mostInvalid {
					continue
				}
				count.failed.Add(1)
				if all {
					fmt.Printf("seed %d: %s\n", s, headline(r.Report, err))
				}
				lower(&lowest, s)
			}
		})
	}
	group.Wait()
	return lowest.Load(), count
}

// lower keeps the lowest of the seeds given, zero meaning none.
func lower(lowest *atomic.Uint64, s uint64) {
	for {
		was := lowest.Load()
		if was != 0 && was <= s || lowest.CompareAndSwap(was, s) {
			return
		}
	}
}

func (t *tally) add(r check.Report) {
	t.seeds.Add(1)
	t.dues.Add(int64(r.Dues))
	t.starts.Add(int64(r.Starts))
	t.ended.Add(int64(r.Ended))
	t.skipped.Add(int64(r.Skipped))
}

func headline(r check.Report, err error) string {
	if err != nil {
		return err.Error()
	}
	if len(r.Violations) == 0 {
		return strings.Join(append([]string{string(r.Verdict)}, r.Why...), ": ")
	}
	text, _, _ := strings.Cut(r.Violations[0].String(), "\n")
	return fmt.Sprintf("%d violations; %s", len(r.Violations), text)
}

// tell lives through one seed with its trace.
func tell(c sim.Config, whole bool) int {
	c.Trace = true
	began := time.Now()
	r, err := sim.Run(c)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Print(r.Trace)
	c.Mutant = sim.Mutant{Name: c.Mutant.Name}
	fmt.Printf("seed %d: %s: %d due times, %d starts, %d ended, %d violations, %d steps, %s\n", c.Seed, r.Report.Verdict,
		r.Report.Dues, r.Report.Starts, r.Report.Ended, len(r.Report.Violations), r.Steps, time.Since(began).Round(time.Millisecond))
	if whole {
		fmt.Printf("%d schedulers, %d workers, %d shards, %d jobs, lead %s, a fault every %s, a change every %s, clocks %s\n",
			c.Schedulers, c.Workers, c.Shards, c.Jobs, c.Lead, c.FaultEvery, c.ChangeEvery, c.Clocks)
	}
	if r.Report.Verdict != check.Pass {
		return 1
	}
	return 0
}

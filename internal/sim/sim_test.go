package sim_test

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/sim"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// TestSeeds lives through as many worlds as the time of an ordinary test run
// allows; `make sim SEEDS=10000` lives through more.
func TestSeeds(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 40
	}
	var next atomic.Uint64
	var starts, dues, faults, invalid atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := next.Add(1); seed <= seeds && !t.Failed(); seed = next.Add(1) {
				r, err := sim.Run(sim.Small(seed))
				switch {
				case err != nil:
					t.Error(err)
				case r.Report.Verdict == check.Fail:
					fail(t, sim.Small(seed))
				case r.Report.Verdict == check.Invalid:
					invalid.Add(1)
				}
				starts.Add(int64(r.Report.Starts))
				dues.Add(int64(r.Report.Dues))
				faults.Add(int64(r.Faults))
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d seeds: %d due times, %d starts, %d faults, %d seeds without load", seeds, dues.Load(), starts.Load(), faults.Load(), invalid.Load())
	// Otherwise passing would mean little.
	require.Greater(t, dues.Load(), int64(30*seeds))
	require.Greater(t, starts.Load(), int64(50*seeds))
	require.Greater(t, faults.Load(), int64(5*seeds))
	require.LessOrEqual(t, invalid.Load(), int64(seeds/20))
}

// fail tells the story of a seed that broke a promise.
func fail(t *testing.T, c sim.Config) {
	c.Trace = true
	r, err := sim.Run(c)
	t.Errorf("seed %d breaks a promise (again with: go run ./test/sim -seed %d): %v\n%s", c.Seed, c.Seed, err, r.Trace)
}

func TestSameSeedSameTrace(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		c := sim.Small(seed)
		c.Trace, c.Whole = true, true
		a, err := sim.Run(c)
		require.NoError(t, err)
		b, err := sim.Run(c)
		require.NoError(t, err)
		require.NotEmpty(t, a.Trace)
		require.Equal(t, a.Trace, b.Trace, "seed %d", seed)
		// Whether somebody looks changes nothing.
		silent, err := sim.Run(sim.Small(seed))
		require.NoError(t, err)
		require.Equal(t, a.Hash, silent.Hash, "seed %d", seed)
		other, err := sim.Run(sim.Small(seed + 1000))
		require.NoError(t, err)
		require.NotEqual(t, a.Hash, other.Hash, "seed %d", seed)
	}
}

// TestMutantsAreFound plants one fault at a time and requires the simulator
// to find it. docs/proof.md lists the seeds.
func TestMutantsAreFound(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("some two hundred seeds")
	}
	found := make(chan uint64, len(sim.Mutants()))
	t.Cleanup(func() {
		close(found)
		n, most := 0, uint64(0)
		for seed := range found {
			n, most = n+1, max(most, seed)
		}
		t.Logf("figure: %d planted faults, each found within %d seeds", n, most)
	})
	for _, m := range sim.Mutants() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			if m.Rare {
				t.Skipf("it takes more seeds than this test has time for: go run ./test/sim -mutant %s -seeds 10000", m.Name)
			}
			for seed := uint64(1); seed <= 1000; seed++ {
				c := sim.Small(seed)
				c.Mutant = m
				r, err := sim.Run(c)
				require.NoError(t, err)
				if r.Report.Verdict == check.Fail {
					t.Logf("%s: seed %d: %s", m.What, seed, r.Report.Violations[0].Rule)
					found <- seed
					return
				}
			}
			require.Fail(t, "not found in 1000 seeds", m.What)
		})
	}
}

// A violation comes with all that concerns its run, and what was done to the
// system meanwhile.
func TestStoryOfAViolation(t *testing.T) {
	mutants := sim.Mutants()
	blind := mutants[slices.IndexFunc(mutants, func(m sim.Mutant) bool { return m.Name == "no-last-look" })]
	for seed := uint64(1); seed <= 100; seed++ {
		c := sim.Small(seed)
		c.Mutant, c.Trace = blind, true
		r, err := sim.Run(c)
		require.NoError(t, err)
		if r.Report.Verdict != check.Fail {
			continue
		}
		v := r.Report.Violations[0]
		require.Contains(t, r.Trace, v.String())
		require.Contains(t, r.Trace, v.Job+" "+string(v.Run)[:8])
		require.Contains(t, r.Trace, "STARTS attempt")
		require.Contains(t, r.Trace, " fault ")
		return
	}
	require.Fail(t, "no seed failed")
}

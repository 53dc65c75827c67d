package exec_test

import (
	osexec "os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
)

// BenchmarkStarts runs /bin/true, 8 at a time, in turns by plain os/exec and
// by an executor with and without a keeper and cgroups, and reports how many
// each does in a second, and the executor's as a ratio to plain os/exec with
// the same two pipes.
//
//	go test -run='^$' -bench=Starts ./internal/executor/exec
func BenchmarkStarts(b *testing.B) {
	ways := []struct {
		name string
		run  func()
	}{
		{"bare", func() { require.NoError(b, osexec.Command("/bin/true").Run()) }},
		{"pipes", func() {
			var stdout, stderr strings.Builder
			c := osexec.Command("/bin/true")
			c.Stdout, c.Stderr = &stdout, &stderr
			require.NoError(b, c.Run())
		}},
		{"direct", executorWay(b, nil, false)},
		{"direct+cgroup", executorWay(b, nil, true)},
		{"keeper", executorWay(b, keeperArgv(), false)},
		{"keeper+cgroup", executorWay(b, keeperArgv(), true)},
	}
	spent := make([]time.Duration, len(ways))
	const batch = 200
	done := 0
	for b.Loop() {
		for i, way := range ways {
			spent[i] += timed(batch, 8, way.run)
		}
		done += batch
	}
	rate := func(i int) float64 { return float64(done) / spent[i].Seconds() }
	for i, way := range ways {
		b.ReportMetric(rate(i), way.name+"/s")
	}
	for i, way := range ways[2:] {
		b.ReportMetric(rate(i+2)/rate(1), way.name+":pipes")
	}
}

func executorWay(b *testing.B, argv []string, cgroup bool) func() {
	e := exec.New(exec.Options{Name: b.Name(), Keeper: argv, Cgroup: cgroup})
	b.Cleanup(func() { require.NoError(b, e.Close()) })
	return func() {
		o := e.Run(b.Context(), exec.Command{Args: []string{"/bin/true"}}, func(string, []byte) {})
		require.Equal(b, run.StateSucceeded, o.State, o.StartFailure)
	}
}

// timed runs f n times, so many at once, and says how long it took.
func timed(n, atOnce int, f func()) time.Duration {
	begin := time.Now()
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for range n / atOnce {
				f()
			}
		})
	}
	group.Wait()
	return time.Since(begin)
}

package history

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// busy makes up the events of so many jobs, which are all due every minute: four
// events a run, those of runs that go on at the same time mixed.
type busy struct {
	codec  topic.Codec
	jobs   int
	minute int
	offset int64
	ready  []Record
}

// next returns the next n records.
func (g *busy) next(b *testing.B, n int) []Record {
	b.Helper()
	for len(g.ready) < n {
		due := day().Add(time.Duration(g.minute) * time.Minute)
		g.minute++
		for _, kind := range []run.EventType{run.EventEnqueued, run.EventClaimed, run.EventStarting, run.EventFinished} {
			for i := range g.jobs {
				g.ready = append(g.ready, g.record(b, fmt.Sprintf("job-%05d", i), due, kind))
			}
		}
	}
	out := g.ready[:n:n]
	g.ready = g.ready[n:]
	return out
}

func (g *busy) record(b *testing.B, name string, due time.Time, kind run.EventType) Record {
	b.Helper()
	e := run.Event{
		Type: kind, Job: name, Run: run.NewID(name, due, ""), Due: due, Cluster: "cluster-a", Attempt: 1, Fence: int64(g.minute), At: due.Add(4 * time.Millisecond),
		By: "worker-1", Trigger: run.TriggerSchedule, Incarnation: 1795229940000000000,
	}
	switch kind {
	case run.EventEnqueued:
		e.By, e.Step, e.Read, e.NotBefore, e.Incarnation = "scheduler-1", g.offset, g.offset, due, 0
	case run.EventClaimed:
		e.Beat = 77
	case run.EventFinished:
		e.Outcome = &run.Outcome{State: run.StateSucceeded, StartedAt: due.Add(5 * time.Millisecond), EndedAt: due.Add(1340 * time.Millisecond), CPUTime: 800 * time.Millisecond, PeakMemoryBytes: 12 << 20, OutputBytes: 51, Tail: "done: 41 rows written\n"}
	}
	value, err := g.codec.EncodeEvent(e)
	require.NoError(b, err)
	g.offset++
	return Record{Topic: "belfry.events", Offset: g.offset, At: e.At, Key: []byte(name), Value: value}
}

// BenchmarkFold folds events into a file, in batches of 5,000, of 1,000 jobs.
// "cpu-ns/op" is the processor's time for an event, of all threads: on a machine
// that others use it says more than ns/op.
func BenchmarkFold(b *testing.B) {
	const batch = 5000
	d, err := Open(context.Background(), Options{Path: filepath.Join(b.TempDir(), "h.db"), KeepFor: 1 << 60})
	require.NoError(b, err)
	defer func() { require.NoError(b, d.Close()) }()
	g := &busy{codec: topic.NewCodec(), jobs: 1000}
	b.ReportAllocs()
	var spent time.Duration
	for done := 0; done < b.N; done += batch {
		b.StopTimer()
		records := g.next(b, min(batch, b.N-done))
		before := processor(b)
		b.StartTimer()
		_, err := d.Fold(context.Background(), records)
		require.NoError(b, err)
		spent += processor(b) - before
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// processor is the time that this process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package shard_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// BenchmarkLead is what a longer lead costs a shard whose 1,000 jobs are each due
// every second: memory and bytes of state for the runs staged ahead, the time a
// new owner takes to read those states, and the records of one edit of a job.
func BenchmarkLead(b *testing.B) {
	for _, lead := range []time.Duration{5 * time.Second, 30 * time.Second} {
		b.Run(lead.String(), func(b *testing.B) {
			s := newStaged(b, lead)
			bytes, states := 0, [][]byte(nil)
			s.core.States(func(st shard.JobState) {
				value, err := topic.EncodeState(st)
				require.NoError(b, err)
				bytes, states = bytes+len(value), append(states, value)
			})
			codec := topic.NewCodec()
			for b.Loop() {
				next := shard.New(shard.Config{Shard: 3, By: "s2", Lead: lead}, nil)
				for _, value := range states {
					st, err := codec.DecodeState(value)
					require.NoError(b, err)
					next.Restore(st)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/load")
			b.ReportMetric(s.heap/float64(s.core.Unfinished()), "B/run")
			b.ReportMetric(float64(bytes)/1e6, "MB/states")
			b.ReportMetric(float64(s.edit(b)), "records/edit")
		})
	}
}

// staged is a shard with all staged that a lead allows.
type staged struct {
	core *shard.Shard
	now  time.Time
	heap float64
}

func newStaged(b *testing.B, lead time.Duration) *staged {
	s := &staged{core: shard.New(shard.Config{Shard: 3, By: "s1", Lead: lead}, nil), now: midnight()}
	inputs := []shard.Input{shard.JobsLoaded{}}
	for i := range 1000 {
		inputs = append(inputs, shard.JobChanged{Name: everySecond(i).Name, Job: everySecond(i), AppliedAt: s.now})
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for offset := int64(0); ; {
		effects := s.core.Step(inputs, s.now)
		inputs = nil
		for _, q := range effects.Enqueue {
			offset++
			inputs = append(inputs, shard.Reported{Offset: offset, Event: run.Event{
				Type: run.EventClaimed, Job: q.Run.Job, Run: q.Run.ID, Cluster: q.Run.Cluster, Due: q.Run.Due, Attempt: 1,
				Fence: q.Run.Fence, At: s.now, By: "worker-1", Incarnation: 1795229940000000000, Beat: 731, Claim: offset,
			}})
		}
		if wake, _ := s.core.Wake(); len(inputs) == 0 && wake.After(s.now) {
			break
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Equal(b, 1000*int(lead/time.Second), s.core.Unfinished())
	s.heap = float64(after.HeapAlloc) - float64(before.HeapAlloc)
	return s
}

func everySecond(i int) *job.Job {
	j := job.Default()
	j.Name, j.Cluster, j.Schedule, j.Seconds = fmt.Sprintf("nightly-report-%04d", i), "cluster-a", "* * * * * *", true
	j.Command = []string{"/bin/sh", "-c", fmt.Sprintf("report %d", i)}
	j = j.WithDefaults()
	return &j
}

// edit changes a job, has its worker drop what is asked back, and counts what
// the two wrote: runs, events and controls, and the events of the worker.
func (s *staged) edit(b *testing.B) int {
	j := everySecond(0)
	j.Description, j.Retries = "another", 3
	effects := s.core.Step([]shard.Input{shard.JobChanged{Name: j.Name, Job: j, AppliedAt: s.now}}, s.now)
	records := effects.Records()
	var drops []shard.Input
	for _, c := range effects.Control {
		drops = append(drops, shard.Reported{Offset: 1 << 30, Event: run.Event{
			Type: run.EventDropped, Job: j.Name, Run: c.Run, Cluster: c.Cluster, Attempt: 1, Fence: c.Fence, At: s.now,
			By: "worker-1", Incarnation: 1795229940000000000, Reason: c.Reason,
		}})
	}
	require.NotEmpty(b, drops)
	effects = s.core.Step(drops, s.now)
	require.Len(b, effects.Enqueue, len(drops))
	return records + len(drops) + effects.Records() + len(effects.Enqueue) // which their worker claims
}

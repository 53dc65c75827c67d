package shard_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// TestEditsToAndFroAreFeltAtOnce: a schedule is moved by a second and back, again
// and again, and each time more is staged than ends of the job are remembered. Of
// one edit, the workers say only after 12 s that they gave back what it took.
func TestEditsToAndFroAreFeltAtOnce(t *testing.T) {
	// In seconds: between edits, the edit that workers hear of late, and when.
	const every, late, heard = 4, 20, 32
	start := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	s := shard.New(shard.Config{By: "s", Lead: 30 * time.Second}, nil)
	j := job.Default()
	j.Name, j.Cluster, j.Seconds, j.Overlap, j.Command = "a", "cluster-a", true, job.OverlapAllow, []string{"true"}
	j = j.WithDefaults()
	staged := map[time.Time]run.Run{} // by due time: what would start
	var taken, owed []run.Run         // asked back, and not answered yet
	step := func(now time.Time, inputs ...shard.Input) {
		out := s.Step(inputs, now)
		for _, q := range out.Enqueue {
			staged[q.Run.Due] = q.Run
		}
		for _, c := range out.Control {
			for due, r := range staged {
				if r.Key() == (run.Key{ID: c.Run, Fence: c.Fence}) {
					taken = append(taken, r)
					delete(staged, due)
				}
			}
		}
	}
	offset := int64(0)
	answer := func(now time.Time, runs []run.Run) {
		for _, r := range runs {
			offset++
			step(now, shard.Reported{Offset: offset, Event: run.Event{
				Type: run.EventDropped, Job: "a", Run: r.ID, Attempt: r.Attempt, Fence: r.Fence, By: "w", Incarnation: 1,
			}})
		}
	}
	edit := func(now time.Time, odd bool) {
		def := j
		def.Schedule = "0-59/2 * * * * *"
		if odd {
			def.Schedule = "1-59/2 * * * * *"
		}
		step(now, shard.JobChanged{Name: "a", Job: &def, AppliedAt: now})
	}
	step(start, shard.JobsLoaded{})
	edit(start, false)
	for second := 1; second < 300; second++ {
		now := start.Add(time.Duration(second) * time.Second)
		step(now)
		last := second / every // edit
		if second > late && second < heard {
			last = late / every
		}
		if second%every != 0 || last != second/every {
			_, starts := staged[now]
			require.Equal(t, second%2 == last%2, starts, "second %d", second)
			continue
		}
		if second == heard {
			answer(now, owed)
		}
		edit(now, last%2 == 1)
		if second == late {
			owed, taken = taken, nil
			continue
		}
		answer(now, taken)
		taken = nil
	}
}

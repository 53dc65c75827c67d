package steer

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// Backfill says which due times of the past are to be run.
type Backfill struct {
	// From and To are the first and the last instant. Ranges are the parts of it
	// whose due times are run; without them all are.
	From, To time.Time
	Ranges   []run.Range
	// OnlyMissed says that Ranges leave out what had run.
	OnlyMissed bool
	// Parallel is how many of its runs may be unfinished at a time, 0 for
	// run.DefaultParallel.
	Parallel int
	// Key is as in RunOptions.
	Key string
}

// Backfill runs due times of the past. The ID of the request is that of the
// backfill.
func (s *Steer) Backfill(ctx context.Context, who access.Principal, name string, b Backfill) (Asked, error) {
	if problems := b.problems(); len(problems) > 0 {
		return Asked{}, &InvalidError{name, problems}
	}
	return s.ask(ctx, who, question{
		action: audit.JobBackfill, key: b.Key,
		request: run.Request{
			Type: run.RequestBackfill, Job: name, From: b.From.UTC(), To: b.To.UTC(),
			Ranges: b.Ranges, OnlyMissed: b.OnlyMissed, Parallel: b.Parallel,
		},
		fields: map[string]any{"from": b.From.UTC(), "to": b.To.UTC(), "only_missed": b.OnlyMissed, "parallel": b.Parallel},
	})
}

func (b *Backfill) problems() job.Problems {
	var ps job.Problems
	add := func(field, message, hint string) {
		ps = append(ps, job.Problem{Field: field, Message: message, Hint: hint})
	}
	switch {
	case b.From.IsZero():
		add("from", "is missing", "the first instant, as 2026-11-01T00:00:00Z")
	case b.To.IsZero():
		add("to", "is missing", "the last instant, as 2026-11-30T00:00:00Z")
	case b.To.Before(b.From):
		add("to", "lies before from", "swap them")
	}
	if b.Parallel < 0 || b.Parallel > run.MaxParallel {
		add("parallel", fmt.Sprintf("is %d", b.Parallel), fmt.Sprintf("1 to %d", run.MaxParallel))
	}
	if len(b.Ranges) > run.MaxRanges {
		add("ranges", fmt.Sprintf("what was missed lies in %d parts", len(b.Ranges)),
			fmt.Sprintf("at most %d: ask for a shorter time, or for all due times of it", run.MaxRanges))
	}
	return ps
}

// BackfillStep is what can be done to a backfill that is under way.
type BackfillStep string

// The steps.
const (
	BackfillPause  BackfillStep = "pause"
	BackfillResume BackfillStep = "resume"
	BackfillCancel BackfillStep = "cancel"
)

// SteerBackfill pauses, resumes or cancels a backfill.
func (s *Steer) SteerBackfill(ctx context.Context, who access.Principal, name, backfill string, step BackfillStep) (Asked, error) {
	request := run.Request{Job: name, Backfill: backfill}
	switch step {
	case BackfillPause:
		request.Type = run.RequestBackfillPause
	case BackfillResume:
		request.Type = run.RequestBackfillResume
	case BackfillCancel:
		request.Type = run.RequestBackfillCancel
	default:
		return Asked{}, &InvalidError{name, job.Problems{{Field: "step", Message: fmt.Sprintf("there is no step %q", step), Hint: "pause, resume or cancel"}}}
	}
	return s.ask(ctx, who, question{
		action: audit.JobBackfill, request: request, fields: map[string]any{"backfill": backfill, "step": string(step)},
	})
}

// Missed returns the ranges that hold, of due times in order, those that had not
// run, and how many those are.
func Missed(due []time.Time, ran func(time.Time) bool) (ranges []run.Range, missed int) {
	open := false
	for _, at := range due {
		if ran(at) {
			open = false
			continue
		}
		missed++
		if open {
			ranges[len(ranges)-1].To = at.UTC()
		} else {
			ranges = append(ranges, run.Range{From: at.UTC(), To: at.UTC()})
		}
		open = true
	}
	return ranges, missed
}

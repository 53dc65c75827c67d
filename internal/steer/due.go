package steer

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

// DueTimes are the due times that a backfill of the job would run, in order; where
// only what was missed is wanted, it fills in the ranges that hold them. It returns
// a *query.NoJobError, or an *InvalidError that says what is wrong with b: also if
// nothing is to be run.
func (s *Steer) DueTimes(ctx context.Context, name string, b *Backfill) ([]time.Time, error) {
	wrong := func(field, message, hint string) error {
		return &InvalidError{name, job.Problems{{Field: field, Message: message, Hint: hint}}}
	}
	if problems := b.Problems(); len(problems) > 0 {
		return nil, &InvalidError{name, problems}
	}
	def, err := s.topics.Definition(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case def.Job == nil:
		return nil, &query.NoJobError{Job: name}
	case def.Times == nil:
		return nil, wrong("schedule", "is missing, and so the job has no due times", "run it, or give it a schedule")
	}
	_, except, problems := job.NewCompiler().Compile(&def.Job.Job)
	if len(problems) > 0 {
		return nil, &InvalidError{name, problems}
	}
	var due []time.Time
	walked := 0
	for at, ok := def.Times.Next(b.From.Add(-time.Nanosecond)); ok && !at.After(b.To) && at.Before(s.now()); at, ok = def.Times.Next(at) {
		if walked++; walked > query.MaxDueTimes {
			return nil, wrong("to", fmt.Sprintf("leaves more than %d due times", query.MaxDueTimes), "ask for a shorter time")
		}
		if except.Reason(at) == "" {
			due = append(due, at.UTC())
		}
	}
	if b.OnlyMissed && len(due) > 0 {
		if due, err = s.missed(ctx, def, b, due); err != nil {
			return nil, err
		}
	}
	if len(due) == 0 {
		return nil, wrong("from", "leaves no due time that is to be run", "the schedule names none there, calendars leave them out, or all have run")
	}
	return due, nil
}

// missed leaves those of due of which no run succeeded and none is under way.
func (s *Steer) missed(ctx context.Context, def query.Definition, b *Backfill, due []time.Time) ([]time.Time, error) {
	reaches, err := s.topics.LedgerReaches(ctx, def.Name, b.From)
	if err != nil {
		return nil, err
	}
	if !reaches {
		return nil, &InvalidError{def.Name, job.Problems{{
			Field: "from", Message: "lies before all that the ledger holds: nobody knows what has run",
			Hint: "a later one, or all due times",
		}}}
	}
	e, err := s.topics.Explain(ctx, def, b.From, s.now())
	if err != nil {
		return nil, err
	}
	ran := map[int64]bool{}
	for _, v := range e.Verdicts(b.From, b.To, 0) {
		if v.Run != nil && (v.Run.State == run.StateSucceeded || !v.Run.Ended()) {
			ran[v.Due.UnixNano()] = true
		}
	}
	done := func(at time.Time) bool { return ran[at.UnixNano()] }
	b.Ranges, _ = Missed(due, done)
	left := due[:0]
	for _, at := range due {
		if !done(at) {
			left = append(left, at)
		}
	}
	if problems := b.Problems(); len(problems) > 0 {
		return nil, &InvalidError{def.Name, problems}
	}
	return left, nil
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

// maxPreview bounds the due times that a preview names.
const maxPreview = 100

type backfillInput struct {
	Named
	Keyed
	Body struct {
		From       time.Time `json:"from" doc:"The first instant."`
		To         time.Time `json:"to" doc:"The last instant."`
		OnlyMissed bool      `json:"only_missed,omitempty" doc:"Leave out the due times that have run."`
		Parallel   int       `json:"parallel,omitempty" minimum:"0" maximum:"20" doc:"How many of its runs may be unfinished at a time; 0 for 4."`
		DryRun     bool      `json:"dry_run,omitempty" doc:"Only say what would be run."`
	}
}

type backfillOutput struct {
	Status int
	Body   backfillBody
}

type backfillBody struct {
	Backfill string `json:"backfill,omitempty" doc:"Its ID; none of a dry run."`
	Again    bool   `json:"again,omitempty" doc:"It was asked before with the same key, and not again."`
	// DueTimes counts what will be run; First are the first of them.
	DueTimes int         `json:"due_times" doc:"How many due times are run."`
	First    []time.Time `json:"first" doc:"The first 100 of them."`
}

type stepInput struct {
	Named
	Backfill string `path:"backfill" minLength:"1" maxLength:"256" doc:"ID of the backfill."`
	Step     string `path:"step" enum:"pause,resume,cancel" doc:"What is done."`
}

func (s *server) backfills() {
	const tag = "Backfill"
	route(s, operation{
		id: "backfill-job", method: http.MethodPost, path: "/jobs/{job}/backfills", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Run due times of the past", errors: []int{http.StatusNotFound},
	}, s.backfill)
	route(s, operation{
		id: "steer-backfill", method: http.MethodPost, path: "/jobs/{job}/backfills/{backfill}/{step}", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Pause, resume or cancel a backfill", errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, who access.Principal, in *stepInput) (*askedOutput, error) {
		return answerTo(s.Steer.SteerBackfill(ctx, who, in.Job, in.Backfill, steer.BackfillStep(in.Step)))
	})
}

func (s *server) backfill(ctx context.Context, who access.Principal, in *backfillInput) (*backfillOutput, error) {
	if err := s.sight(who).needJob(ctx, in.Job); err != nil {
		return nil, err
	}
	b := steer.Backfill{From: in.Body.From, To: in.Body.To, OnlyMissed: in.Body.OnlyMissed, Parallel: in.Body.Parallel, Key: in.Key}
	if problems := b.Problems(); len(problems) > 0 {
		return nil, unprocessable(problems)
	}
	due, err := s.dueTimes(ctx, in.Job, &b)
	if err != nil {
		return nil, err
	}
	out := &backfillOutput{Status: http.StatusOK, Body: backfillBody{DueTimes: len(due), First: due[:min(len(due), maxPreview)]}}
	if problems := b.Problems(); len(problems) > 0 {
		return nil, unprocessable(problems)
	}
	if in.Body.DryRun {
		return out, nil
	}
	if len(due) == 0 {
		return nil, huma.Error422UnprocessableEntity("no due time lies there that is to be run")
	}
	asked, err := s.Steer.Backfill(ctx, who, in.Job, b)
	if err != nil {
		return nil, err
	}
	out.Status, out.Body.Backfill, out.Body.Again = http.StatusAccepted, asked.Request.ID, asked.Again
	return out, nil
}

// dueTimes are those of a backfill, whose ranges it fills in where only what was
// missed is wanted.
func (s *server) dueTimes(ctx context.Context, name string, b *steer.Backfill) ([]time.Time, error) {
	def, err := s.Topics.Definition(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case def.Job == nil:
		return nil, &query.NoJobError{Job: name}
	case def.Times == nil:
		return nil, huma.Error422UnprocessableEntity("job " + name + " has no schedule, and so no due times")
	}
	due := []time.Time{}
	for at, ok := def.Times.Next(b.From.Add(-time.Nanosecond)); ok && !at.After(b.To); at, ok = def.Times.Next(at) {
		if due = append(due, at.UTC()); len(due) > query.MaxDueTimes {
			return nil, huma.Error422UnprocessableEntity("more than a million due times lie there: ask for a shorter time")
		}
	}
	if !b.OnlyMissed || len(due) == 0 {
		return due, nil
	}
	e, err := s.Topics.Explain(ctx, def, b.From, s.Now())
	if err != nil {
		return nil, err
	}
	ran := map[int64]bool{}
	for _, v := range e.Verdicts(b.From, b.To, 0) {
		if v.Run != nil && v.Run.State == run.StateSucceeded || v.Run != nil && !v.Run.Ended() {
			ran[v.Due.UnixNano()] = true
		}
	}
	done := func(at time.Time) bool { return ran[at.UnixNano()] }
	b.Ranges, _ = steer.Missed(due, done)
	missed := due[:0]
	for _, at := range due {
		if !done(at) {
			missed = append(missed, at)
		}
	}
	return missed, nil
}

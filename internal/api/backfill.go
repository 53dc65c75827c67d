package api

import (
	"context"
	"net/http"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
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
	due, err := s.Steer.DueTimes(ctx, in.Job, &b)
	if err != nil {
		return nil, err
	}
	out := &backfillOutput{Status: http.StatusOK, Body: backfillBody{DueTimes: len(due), First: due[:min(len(due), maxPreview)]}}
	if in.Body.DryRun {
		return out, nil
	}
	asked, err := s.Steer.Backfill(ctx, who, in.Job, b)
	if err != nil {
		return nil, err
	}
	out.Status, out.Body.Backfill, out.Body.Again = http.StatusAccepted, asked.Request.ID, asked.Again
	return out, nil
}

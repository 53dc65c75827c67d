package api

import (
	"context"
	"net/http"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

// Keyed is the header of requests that may be sent again.
type Keyed struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"Asking again with the same key, within 24 hours, asks once."`
}

// asked is the answer to what a shard is asked.
type askedOutput struct{ Body askedBody }

type askedBody struct {
	Job     string `json:"job"`
	Request string `json:"request" doc:"ID of the request; of a backfill, its ID."`
	Run     run.ID `json:"run,omitempty" doc:"The run that was asked about, or that will come of it."`
	Again   bool   `json:"again" doc:"It was asked before with the same key, and not again."`
}

func answerTo(a steer.Asked, err error) (*askedOutput, error) {
	if err != nil {
		return nil, err
	}
	return &askedOutput{askedBody{Job: a.Request.Job, Request: a.Request.ID, Run: a.Run, Again: a.Again}}, nil
}

type runInput struct {
	Named
	Keyed
	Body *struct {
		Env map[string]string `json:"env,omitempty" doc:"Replaces variables of the job's environment and adds to them: at most 100, 16 KiB."`
	}
}

func (s *server) asks() {
	const tag = "Jobs"
	missing := []int{http.StatusNotFound}
	route(s, operation{
		id: "pause-job", method: http.MethodPost, path: "/jobs/{job}/pause", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Let a job skip its due times until it is resumed", errors: missing,
	}, func(ctx context.Context, who access.Principal, in *Named) (*askedOutput, error) {
		return answerTo(s.Steer.Pause(ctx, who, in.Job))
	})
	route(s, operation{
		id: "resume-job", method: http.MethodPost, path: "/jobs/{job}/resume", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Undo a pause", errors: missing,
	}, func(ctx context.Context, who access.Principal, in *Named) (*askedOutput, error) {
		return answerTo(s.Steer.Resume(ctx, who, in.Job))
	})
	route(s, operation{
		id: "run-job", method: http.MethodPost, path: "/jobs/{job}/run", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Run a job now", errors: missing,
		about: "The run goes the way of every other: its job's overlap policy, retries and cluster hold for it.",
	}, func(ctx context.Context, who access.Principal, in *runInput) (*askedOutput, error) {
		o := steer.RunOptions{Key: in.Key}
		if in.Body != nil {
			o.Env = in.Body.Env
		}
		return answerTo(s.Steer.Run(ctx, who, in.Job, o))
	})
}

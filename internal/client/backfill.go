package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

// Backfill is one that was asked for, or what it would run: then it has no ID.
// First are the first MaxFirst of its due times.
type Backfill struct {
	Backfill string      `json:"backfill,omitempty"`
	DueTimes int         `json:"due_times"`
	First    []time.Time `json:"first"`
}

// MaxFirst bounds the due times that are named.
const MaxFirst = 100

// Backfill asks for one, or only says what it would run.
func (c *Client) Backfill(ctx context.Context, name string, b steer.Backfill, dryRun bool) (Backfill, error) {
	body := struct {
		From       time.Time `json:"from"`
		To         time.Time `json:"to"`
		OnlyMissed bool      `json:"only_missed"`
		Parallel   int       `json:"parallel"`
		DryRun     bool      `json:"dry_run"`
	}{b.From, b.To, b.OnlyMissed, b.Parallel, dryRun}
	var made Backfill
	err := c.do(ctx, http.MethodPost, "/jobs/"+url.PathEscape(name)+"/backfills", body, &made)
	if missing(err) {
		err = &query.NoJobError{Job: name}
	}
	return made, err
}

// SteerBackfill pauses, resumes or cancels one.
func (c *Client) SteerBackfill(ctx context.Context, name, id string, step steer.BackfillStep) error {
	path := "/jobs/" + url.PathEscape(name) + "/backfills/" + url.PathEscape(id) + "/" + string(step)
	err := c.do(ctx, http.MethodPost, path, nil, nil)
	if missing(err) {
		err = &query.NoJobError{Job: name}
	}
	return err
}

// Run asks for a run of a job, with variables of its own.
func (c *Client) Run(ctx context.Context, name string, env map[string]string) (run.ID, error) {
	if len(env) == 0 {
		return c.Ask(ctx, name, "run")
	}
	var a struct {
		Run run.ID `json:"run"`
	}
	err := c.do(ctx, http.MethodPost, "/jobs/"+url.PathEscape(name)+"/run", map[string]any{"env": env}, &a)
	if missing(err) {
		err = &query.NoJobError{Job: name}
	}
	return a.Run, err
}

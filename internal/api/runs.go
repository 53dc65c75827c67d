package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

// RunNamed is a run in the path.
type RunNamed struct {
	Run string `path:"run" minLength:"4" maxLength:"64" pattern:"^[0-9A-Za-z-]+$" doc:"ID of the run, or enough of its beginning." example:"66a0ad2f"`
}

type runsInput struct {
	Page
	Labelled
	Job      string   `query:"job" maxLength:"200" doc:"Only runs of this job."`
	Cluster  string   `query:"cluster" maxLength:"100" doc:"Only runs of this cluster."`
	Worker   string   `query:"worker" maxLength:"256" doc:"Only runs whose last attempt this worker had."`
	State    []string `query:"state,explode" maxItems:"11" enum:"queued,claimed,started,waiting,succeeded,failed,timed_out,cancelled,lost,skipped,dead" doc:"Only runs in these states."`
	Trigger  string   `query:"trigger" enum:"schedule,catch_up,manual,requeue,replay,backfill" doc:"Only runs that began so."`
	ExitCode string   `query:"exit_code" pattern:"^-?[0-9]{1,9}$" doc:"Only runs whose last attempt ended with this code."`
	From     string   `query:"from" format:"date-time" doc:"Only runs due at this instant or later."`
	To       string   `query:"to" format:"date-time" doc:"Only runs due before this instant."`
	Text     string   `query:"text" maxLength:"200" doc:"Only runs with this text in what is kept of their output."`
	Skips    bool     `query:"skips" doc:"Due times that were skipped, too."`
}

type runsOutput struct{ Body history.RunPage }

type runOutput struct{ Body history.RunDetail }

// replayInput names a run, and may be sent again.
type replayInput struct {
	RunNamed
	Keyed
}

func (s *server) runs() {
	const tag = "Runs"
	missing := []int{http.StatusNotFound}
	route(s, operation{
		id: "list-runs", method: http.MethodGet, path: "/runs", tag: tag, role: access.Viewer,
		summary: "List runs, newest due time first",
		about:   "A page may hold fewer runs than asked for, and have a next all the same: so many were held against the filter.",
	}, s.listRuns)
	route(s, operation{
		id: "get-run", method: http.MethodGet, path: "/runs/{run}", tag: tag, role: access.Viewer, errors: missing,
		summary: "Get a run, with its attempts and what happened to it",
	}, s.getRun)
	route(s, operation{
		id: "cancel-run", method: http.MethodPost, path: "/runs/{run}/cancel", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Cancel a run, started or not", errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, who access.Principal, in *RunNamed) (*askedOutput, error) {
		d, err := s.seen(ctx, who, in.Run)
		if err != nil {
			return nil, err
		}
		if d.Run.Ended() {
			return nil, huma.Error409Conflict("run " + string(d.Run.ID) + " has ended: it is " + string(d.Run.State))
		}
		return answerTo(s.Steer.Cancel(ctx, who, found(d)))
	})
	route(s, operation{
		id: "requeue-run", method: http.MethodPost, path: "/runs/{run}/requeue", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Run again what has ended, as its job is defined now", errors: []int{http.StatusNotFound, http.StatusConflict},
		about: "The new run has the old due time.",
	}, func(ctx context.Context, who access.Principal, in *replayInput) (*askedOutput, error) {
		d, err := s.ended(ctx, who, in.Run)
		if err != nil {
			return nil, err
		}
		return answerTo(s.Steer.Requeue(ctx, who, found(d), in.Key))
	})
	route(s, operation{
		id: "replay-run", method: http.MethodPost, path: "/runs/{run}/replay", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Run again what has ended, as its job was defined then", errors: []int{http.StatusNotFound, http.StatusConflict},
		about: "The new run has the old due time.",
	}, s.replay)
	route(s, operation{
		id: "discard-run", method: http.MethodPost, path: "/runs/{run}/discard", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Say that a dead run needs nobody any more", errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, who access.Principal, in *RunNamed) (*askedOutput, error) {
		d, err := s.seen(ctx, who, in.Run)
		if err != nil {
			return nil, err
		}
		if d.Run.State != run.StateDead {
			return nil, huma.Error409Conflict("run " + string(d.Run.ID) + " was not given up: it is " + string(d.Run.State))
		}
		return answerTo(s.Steer.Discard(ctx, who, found(d)))
	})
}

func (s *server) listRuns(ctx context.Context, who access.Principal, in *runsInput) (*runsOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	v := s.sight(who)
	out := &runsOutput{history.RunPage{Runs: []history.RunRow{}}}
	if !v.narrow(&f.Cluster, &f.Labels) {
		return out, nil
	}
	if out.Body, err = s.History.Runs(ctx, f); err != nil {
		return nil, err
	}
	out.Body.Runs, err = keep(ctx, v, out.Body.Runs, func(r *history.RunRow) string { return r.Job })
	return out, err
}

func (in *runsInput) filter() (history.RunFilter, error) {
	f := history.RunFilter{
		Job: in.Job, Cluster: in.Cluster, Worker: in.Worker, Trigger: run.Trigger(in.Trigger),
		Text: in.Text, WithSkips: in.Skips, After: in.After, Limit: in.Limit,
	}
	for _, state := range in.State {
		f.States = append(f.States, run.State(state))
	}
	var err error
	if f.Labels, err = in.labels(); err != nil {
		return f, err
	}
	if f.From, err = moment(in.From, "query.from"); err != nil {
		return f, err
	}
	if f.To, err = moment(in.To, "query.to"); err != nil {
		return f, err
	}
	f.ExitCode, err = exitCode(in.ExitCode)
	return f, err
}

// seen is a run of a job that the principal may see.
func (s *server) seen(ctx context.Context, who access.Principal, id string) (history.RunDetail, error) {
	d, err := s.History.Run(ctx, id)
	if err != nil {
		return d, err
	}
	seen, err := s.sight(who).job(ctx, d.Row.Job)
	if err == nil && !seen {
		err = &history.NoRunError{Prefix: id}
	}
	return d, err
}

// ended is seen of a run that has ended.
func (s *server) ended(ctx context.Context, who access.Principal, id string) (history.RunDetail, error) {
	d, err := s.seen(ctx, who, id)
	if err == nil && !d.Run.Ended() {
		err = huma.Error409Conflict("run " + string(d.Run.ID) + " has not ended: it is " + string(d.Run.State))
	}
	return d, err
}

func found(d history.RunDetail) query.Found {
	return query.Found{ID: d.Run.ID, Job: d.Run.Job, Due: d.Run.Due, Cluster: d.Run.Cluster}
}

func (s *server) getRun(ctx context.Context, who access.Principal, in *RunNamed) (*runOutput, error) {
	d, err := s.seen(ctx, who, in.Run)
	if err != nil {
		return nil, err
	}
	if d.Definition != nil {
		shown := *d.Definition
		s.sight(who).show(&shown.Job.Job)
		d.Definition = &shown
	}
	return &runOutput{d}, nil
}

func (s *server) replay(ctx context.Context, who access.Principal, in *replayInput) (*askedOutput, error) {
	d, err := s.ended(ctx, who, in.Run)
	if err != nil {
		return nil, err
	}
	if d.Definition == nil {
		return nil, huma.Error409Conflict("the definition by which " + string(d.Run.ID) + " ran is not known any more; requeue runs it as its job is defined now")
	}
	return answerTo(s.Steer.Replay(ctx, who, found(d), d.Definition.Job.Job, in.Key))
}

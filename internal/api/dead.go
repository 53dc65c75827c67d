package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

// maxBulk bounds the dead runs of one bulk change.
const maxBulk = 1000

type deadInput struct {
	Page
	Job     string `query:"job" maxLength:"200" doc:"Only runs of this job."`
	Cluster string `query:"cluster" maxLength:"100" doc:"Only dead letters of this cluster."`
	Reason  string `query:"reason" maxLength:"200" doc:"Only those for this reason."`
	Since   string `query:"since" format:"date-time" doc:"Only those written at this instant or later."`
	Waiting bool   `query:"waiting" doc:"Without those that were requeued or discarded."`
}

type deadOutput struct{ Body history.DeadPage }

type bulkInput struct {
	Keyed
	Body struct {
		Runs    []string  `json:"runs,omitempty" maxItems:"1000" doc:"IDs of dead runs; or else a filter:"`
		Job     string    `json:"job,omitempty" maxLength:"200" doc:"Dead runs of this job."`
		Cluster string    `json:"cluster,omitempty" maxLength:"100" doc:"Dead runs of this cluster."`
		Reason  string    `json:"reason,omitempty" maxLength:"200" doc:"Those given up for this reason."`
		Since   time.Time `json:"since,omitzero" doc:"Those given up at this instant or later."`
		DryRun  bool      `json:"dry_run,omitempty" doc:"Only say how many there are."`
		Expect  int       `json:"expect,omitempty" minimum:"0" doc:"How many a dry run found; with another number nothing is done."`
	}
}

type bulkOutput struct {
	Status int
	Body   bulkBody
}

type bulkBody struct {
	Count int         `json:"count" doc:"How many runs it is about."`
	Asked []askedBody `json:"asked" doc:"What became of each; none of a dry run."`
}

func (s *server) dead() {
	const tag = "Dead letters"
	route(s, operation{
		id: "list-dead", method: http.MethodGet, path: "/dead", tag: tag, role: access.Viewer,
		summary: "List runs that were given up and records that could not be read, newest first",
	}, s.listDead)
	conflict := []int{http.StatusConflict, http.StatusNotFound}
	route(s, operation{
		id: "requeue-dead", method: http.MethodPost, path: "/dead/requeue", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Run again what was given up", errors: conflict,
		about: "Of a filter, those that were neither requeued nor discarded yet, at most 1,000.",
	}, func(ctx context.Context, who access.Principal, in *bulkInput) (*bulkOutput, error) {
		return s.bulk(ctx, who, in, func(r query.Found) (steer.Asked, error) { return s.Steer.Requeue(ctx, who, r, in.Key) })
	})
	route(s, operation{
		id: "discard-dead", method: http.MethodPost, path: "/dead/discard", tag: tag, role: access.Operator, status: http.StatusAccepted,
		summary: "Say that dead runs need nobody any more", errors: conflict,
		about: "Of a filter, those that were neither requeued nor discarded yet, at most 1,000.",
	}, func(ctx context.Context, who access.Principal, in *bulkInput) (*bulkOutput, error) {
		return s.bulk(ctx, who, in, func(r query.Found) (steer.Asked, error) { return s.Steer.Discard(ctx, who, r) })
	})
}

func (s *server) listDead(ctx context.Context, who access.Principal, in *deadInput) (*deadOutput, error) {
	since, err := moment(in.Since, "query.since")
	if err != nil {
		return nil, err
	}
	f := history.DeadFilter{Job: in.Job, Cluster: in.Cluster, Reason: in.Reason, Since: since, Waiting: in.Waiting, After: in.After, Limit: in.Limit}
	page, err := s.History.DeadLetters(ctx, f)
	if err != nil {
		return nil, err
	}
	v := s.sight(who)
	if page.Letters, err = keep(ctx, v, page.Letters, func(d *history.DeadLetter) string { return d.Job }); err != nil {
		return nil, err
	}
	if !who.Role.Includes(access.Editor) {
		for i := range page.Letters {
			hideRun(&page.Letters[i].DeadLetter)
		}
	}
	return &deadOutput{page}, nil
}

// hideRun hides what only editors see of a dead run, and the bytes of records
// that could not be read.
func hideRun(d *run.DeadLetter) {
	d.Key, d.Value = nil, nil
	if d.Run == nil {
		return
	}
	r := *d.Run
	r.Env, r.Stdin = nil, ""
	d.Run = &r
}

// bulk does something to dead runs, one after the other.
func (s *server) bulk(ctx context.Context, who access.Principal, in *bulkInput, do func(query.Found) (steer.Asked, error)) (*bulkOutput, error) {
	chosen, err := s.chosen(ctx, who, in)
	if err != nil {
		return nil, err
	}
	out := &bulkOutput{Status: http.StatusOK, Body: bulkBody{Count: len(chosen), Asked: []askedBody{}}}
	if in.Body.DryRun {
		return out, nil
	}
	if in.Body.Expect > 0 && in.Body.Expect != len(chosen) {
		return nil, huma.Error409Conflict("there are other dead runs now than were expected: look again",
			&huma.ErrorDetail{Message: "is another number than there are now", Location: "body.expect", Value: len(chosen)})
	}
	out.Status = http.StatusAccepted
	for _, r := range chosen {
		asked, err := answerTo(do(r))
		if err != nil {
			return nil, err
		}
		out.Body.Asked = append(out.Body.Asked, asked.Body)
	}
	return out, nil
}

// chosen are the dead runs that a body names, or its filter.
func (s *server) chosen(ctx context.Context, who access.Principal, in *bulkInput) ([]query.Found, error) {
	b := &in.Body
	filtered := b.Job != "" || b.Cluster != "" || b.Reason != "" || !b.Since.IsZero()
	switch {
	case len(b.Runs) > 0 && filtered:
		return nil, field("body.runs", "and a filter cannot be given together", "")
	case len(b.Runs) == 0 && !filtered:
		return nil, field("body.runs", "or a part of a filter is needed", "")
	}
	var chosen []query.Found
	seen := map[run.ID]bool{}
	for _, id := range b.Runs {
		d, err := s.seen(ctx, who, id)
		if err != nil {
			return nil, err
		}
		if d.Run.State != run.StateDead {
			return nil, huma.Error409Conflict("run " + string(d.Run.ID) + " was not given up: it is " + string(d.Run.State))
		}
		if !seen[d.Run.ID] {
			seen[d.Run.ID] = true
			chosen = append(chosen, found(d))
		}
	}
	f := history.DeadFilter{Job: b.Job, Cluster: b.Cluster, Reason: b.Reason, Since: b.Since, Waiting: true, Limit: 500}
	for filtered {
		page, err := s.History.DeadLetters(ctx, f)
		if err != nil {
			return nil, err
		}
		if page.Letters, err = keep(ctx, s.sight(who), page.Letters, func(d *history.DeadLetter) string { return d.Job }); err != nil {
			return nil, err
		}
		for i := range page.Letters {
			r := page.Letters[i].DeadLetter.Run
			if r == nil || seen[r.ID] {
				continue
			}
			if len(chosen) == maxBulk {
				return chosen, nil
			}
			seen[r.ID] = true
			chosen = append(chosen, query.Found{ID: r.ID, Job: r.Job, Due: r.Due, Cluster: r.Cluster})
		}
		f.After, filtered = page.Next, page.Next != ""
	}
	return chosen, nil
}

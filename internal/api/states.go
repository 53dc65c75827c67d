package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

type statesInput struct {
	Cluster string `query:"cluster" maxLength:"100" doc:"Only jobs of this cluster."`
}

type statesOutput struct{ Body query.Statuses }

type ledgerInput struct {
	Job   string   `query:"job" maxLength:"200" doc:"Only runs of this job."`
	State []string `query:"state,explode" maxItems:"11" enum:"queued,claimed,started,waiting,succeeded,failed,timed_out,cancelled,lost,skipped,dead" doc:"Only runs in these states."`
	Since string   `query:"since" format:"date-time" doc:"How far back the events are read." required:"true"`
	Limit int      `query:"limit" minimum:"0" maximum:"100000" default:"20" doc:"At most so many, the newest; 0 for as many as there are."`
}

type ledgerOutput struct{ Body query.Runs }

type explainInput struct {
	Named
	From  string `query:"from" format:"date-time" doc:"Due times from this instant on." required:"true"`
	To    string `query:"to" format:"date-time" doc:"Due times up to this instant." required:"true"`
	Limit int    `query:"limit" minimum:"0" maximum:"100000" default:"50" doc:"At most so many, the newest; 0 for all."`
}

type explainOutput struct{ Body query.Explained }

// states are what is read from Kafka at each request.
func (s *server) states() {
	const tag = "From Kafka"
	route(s, operation{
		id: "list-states", method: http.MethodGet, path: "/states", tag: tag, role: access.Viewer,
		summary: "List the jobs in force with what the schedulers remember of them",
		about:   "Read from Kafka at each request; GET /jobs answers from the read model, and faster.",
	}, func(ctx context.Context, who access.Principal, in *statesInput) (*statesOutput, error) {
		all, err := s.Topics.Statuses(ctx, in.Cluster, s.Now())
		v := s.sight(who)
		all.Jobs = slices.DeleteFunc(all.Jobs, func(j query.Status) bool { return !v.definition(&j.Job.Job) })
		for i := range all.Jobs {
			v.show(&all.Jobs[i].Job.Job)
			for k := range all.Jobs[i].Active {
				v.showActive(&all.Jobs[i].Active[k])
			}
		}
		return &statesOutput{all}, err
	})
	route(s, operation{
		id: "list-ledger", method: http.MethodGet, path: "/ledger", tag: tag, role: access.Viewer,
		summary: "List runs with their attempts, newest due time first",
		about:   "Read from Kafka at each request; GET /runs answers from the read model, and faster.",
	}, s.ledger)
	route(s, operation{
		id: "explain-job", method: http.MethodGet, path: "/jobs/{job}/explain", tag: "Jobs", role: access.Viewer, errors: []int{http.StatusNotFound},
		summary: "Say what became of each due time of a job",
	}, s.explain)
}

func (s *server) ledger(ctx context.Context, who access.Principal, in *ledgerInput) (*ledgerOutput, error) {
	since, err := moment(in.Since, "query.since")
	if err != nil {
		return nil, err
	}
	f := query.RunFilter{Job: in.Job, Since: since}
	for _, state := range in.State {
		f.States = append(f.States, run.State(state))
	}
	v := s.sight(who)
	if in.Job != "" && !who.Scope.Whole() {
		if err := v.needJob(ctx, in.Job); err != nil {
			return nil, err
		}
	}
	if who.Scope.Whole() {
		f.Limit = in.Limit
	}
	all, err := s.Topics.Runs(ctx, f)
	if err != nil {
		return nil, err
	}
	if all.Runs, err = keep(ctx, v, all.Runs, func(r *ledger.Run) string { return r.Job }); err != nil {
		return nil, err
	}
	if in.Limit > 0 {
		all.Runs = all.Runs[:min(len(all.Runs), in.Limit)]
	}
	return &ledgerOutput{all}, nil
}

// maxExplained bounds how long a time is explained at once.
const maxExplained = 366 * 24

func (s *server) explain(ctx context.Context, who access.Principal, in *explainInput) (*explainOutput, error) {
	from, err := moment(in.From, "query.from")
	if err != nil {
		return nil, err
	}
	to, err := moment(in.To, "query.to")
	if err != nil {
		return nil, err
	}
	if to.Before(from) {
		return nil, field("query.to", "lies before from", in.To)
	}
	if to.Sub(from).Hours() > maxExplained {
		return nil, huma.Error422UnprocessableEntity("a year can be explained at once, and no more")
	}
	v := s.sight(who)
	if err := v.needJob(ctx, in.Job); err != nil {
		return nil, err
	}
	x, err := s.Topics.Explained(ctx, in.Job, query.Span{From: from, To: to, Limit: in.Limit}, s.Now())
	if x.Definition != nil {
		v.show(&x.Definition.Job)
	}
	return &explainOutput{x}, err
}

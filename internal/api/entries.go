package api

import (
	"context"
	"net/http"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
)

type auditInput struct {
	Page
	Job   string `query:"job" maxLength:"256" doc:"Only changes of this job."`
	By    string `query:"by" maxLength:"256" doc:"Only changes that this principal made."`
	Since string `query:"since" format:"date-time" doc:"Only changes at this instant or later."`
}

type auditOutput struct{ Body history.AuditPage }

type noticesInput struct {
	Page
	Job   string `query:"job" maxLength:"200" doc:"Only notices about this job."`
	Since string `query:"since" format:"date-time" doc:"Only notices at this instant or later."`
}

type noticesOutput struct{ Body history.NoticePage }

func (s *server) entries() {
	route(s, operation{
		id: "list-audit", method: http.MethodGet, path: "/audit", tag: "Audit", role: access.Viewer,
		summary: "List what people changed, newest first",
	}, func(ctx context.Context, who access.Principal, in *auditInput) (*auditOutput, error) {
		since, err := moment(in.Since, "query.since")
		if err != nil {
			return nil, err
		}
		all, err := s.History.Audit(ctx, history.AuditFilter{Job: in.Job, By: in.By, Since: since, After: in.After, Limit: in.Limit})
		if err == nil {
			all.Entries, err = keep(ctx, s.sight(who), all.Entries, jobOfEntry)
		}
		return &auditOutput{all}, err
	})
	route(s, operation{
		id: "list-notices", method: http.MethodGet, path: "/notices", tag: "Notices", role: access.Viewer,
		summary: "List what people were told, newest first",
	}, func(ctx context.Context, who access.Principal, in *noticesInput) (*noticesOutput, error) {
		since, err := moment(in.Since, "query.since")
		if err != nil {
			return nil, err
		}
		all, err := s.History.Notices(ctx, history.NoticeFilter{Job: in.Job, Since: since, After: in.After, Limit: in.Limit})
		if err == nil {
			all.Entries, err = keep(ctx, s.sight(who), all.Entries, jobOfEntry)
		}
		return &noticesOutput{all}, err
	})
}

func jobOfEntry(e *history.Entry) string { return e.Job }

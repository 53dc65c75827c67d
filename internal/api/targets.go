package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/notice"
)

type targetsOutput struct {
	Body struct {
		Targets []notice.Info `json:"targets" doc:"Those of this server; none if it delivers no notices."`
	}
}

type targetInput struct {
	Target string `path:"target" minLength:"1" maxLength:"63" doc:"Name of the target."`
}

func (s *server) targets() {
	const tag = "Notices"
	route(s, operation{
		id: "list-targets", method: http.MethodGet, path: "/targets", tag: tag, role: access.Viewer,
		summary: "List whom notices go to",
	}, func(context.Context, access.Principal, *struct{}) (*targetsOutput, error) {
		out := &targetsOutput{}
		out.Body.Targets = []notice.Info{}
		if s.Notices != nil {
			out.Body.Targets = append(out.Body.Targets, s.Notices.Targets()...)
		}
		return out, nil
	})
	route(s, operation{
		id: "test-target", method: http.MethodPost, path: "/targets/{target}/test", tag: tag, role: access.Operator, status: http.StatusNoContent,
		summary: "Send a test to a target, and wait for its answer", errors: []int{http.StatusNotFound, http.StatusBadGateway},
	}, func(ctx context.Context, _ access.Principal, in *targetInput) (*struct{}, error) {
		if s.Notices == nil {
			return nil, huma.Error404NotFound("this server delivers no notices: it was started without --notices")
		}
		err := s.Notices.Test(ctx, in.Target)
		if errors.As(err, new(*notice.NoTargetError)) {
			return nil, huma.Error404NotFound(err.Error())
		}
		if err != nil {
			return nil, huma.Error502BadGateway(err.Error())
		}
		return nil, nil
	})
}

package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/tail"
)

type eventsInput struct {
	Kind    []string `query:"kind,explode" maxItems:"6" enum:"run,job,dead,member,audit,notice" doc:"Only changes of these kinds; all but those of members, if none is given."`
	Job     string   `query:"job" maxLength:"200" doc:"Only changes of this job."`
	Cluster string   `query:"cluster" maxLength:"100" doc:"Only changes of this cluster."`
	Run     string   `query:"run" maxLength:"64" doc:"Only changes of this run."`
	LastID  string   `header:"Last-Event-Id" maxLength:"4000" doc:"Go on behind this event, on any server."`
}

func (s *server) events() {
	route(s, operation{
		id: "follow-events", method: http.MethodGet, path: "/events", tag: "Events", role: access.Viewer,
		summary: "Follow what changes, as server-sent events",
		about: "The event is the kind of the change, its data the change. After \"anew\" it is not known what was missed: " +
			"ask the lists again. A reader that is too slow is cut off after \"behind\", and goes on with Last-Event-ID.",
	}, s.follow)
}

func (s *server) follow(_ context.Context, who access.Principal, in *eventsInput) (*huma.StreamResponse, error) {
	f := tail.Filter{Job: in.Job, Cluster: in.Cluster, Run: run.ID(in.Run)}
	for _, k := range in.Kind {
		f.Kinds = append(f.Kinds, history.Kind(k))
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, _ := humago.Unwrap(hc)
		l := s.Tail.Listen(f, in.LastID)
		defer l.Close()
		st := begin(hc)
		first := st.live()
		if l.Anew() {
			first = st.send("", "anew", struct{}{})
		}
		if first != nil {
			return
		}
		pour(r.Context(), st, l.C(), func(e tail.Event) (bool, error) {
			shown, err := s.told(r.Context(), who, e.Change)
			if err != nil || shown == nil {
				return false, err
			}
			return false, st.send(e.ID, string(shown.Kind), shown)
		})
		if l.Behind() {
			_ = st.send("", "behind", struct{}{}) // it may have left
		}
	}}, nil
}

// told is a change as the principal may see it, nil if it may not.
func (s *server) told(ctx context.Context, who access.Principal, c *history.Change) (*history.Change, error) {
	// The principal's sight may change while the stream lasts.
	if c.Job != "" {
		seen, err := s.sight(who).job(ctx, c.Job)
		if err != nil || !seen {
			return nil, err
		}
	} else if (c.Kind == history.KindAudit || c.Kind == history.KindDead) && !who.Scope.Whole() {
		return nil, nil
	}
	if c.Dead == nil || who.Role.Includes(access.Editor) {
		return c, nil
	}
	own, letter := *c, *c.Dead
	hideRun(&letter.DeadLetter)
	own.Dead = &letter
	return &own, nil
}

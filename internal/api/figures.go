package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
)

// Period is what figures are asked for.
type Period struct {
	Job     string `query:"job" maxLength:"200" doc:"Of this job."`
	Cluster string `query:"cluster" maxLength:"100" doc:"Of the jobs of this cluster."`
	From    string `query:"from" format:"date-time" doc:"From this instant on."`
	To      string `query:"to" format:"date-time" doc:"Up to this instant; now, if it is not given."`
}

type statsInput struct {
	Period
	Buckets int `query:"buckets" minimum:"1" maximum:"1000" default:"24" doc:"In so many parts."`
}

type statsOutput struct {
	Body struct {
		Buckets []history.Bucket `json:"buckets"`
	}
}

type calendarInput struct {
	Period
	Timezone string `query:"timezone" maxLength:"64" default:"UTC" doc:"Days of this zone, an IANA name."`
}

type calendarOutput struct {
	Body struct {
		Days []history.Day `json:"days"`
	}
}

type overviewOutput struct{ Body history.Overview }

func (s *server) figures() {
	const tag = "Figures"
	route(s, operation{
		id: "overview", method: http.MethodGet, path: "/overview", tag: tag, role: access.Viewer,
		summary: "Say how everything stands, in numbers",
	}, func(ctx context.Context, _ access.Principal, _ *nothing) (*overviewOutput, error) {
		o, err := s.History.Overview(ctx, s.Now())
		return &overviewOutput{o}, err
	})
	route(s, operation{
		id: "stats", method: http.MethodGet, path: "/stats", tag: tag, role: access.Viewer, errors: []int{http.StatusNotFound},
		summary: "Count how runs ended over time, with quantiles of duration and lateness",
	}, func(ctx context.Context, who access.Principal, in *statsInput) (*statsOutput, error) {
		from, to, err := s.period(ctx, who, &in.Period, 24*time.Hour)
		if err != nil {
			return nil, err
		}
		out := &statsOutput{}
		out.Body.Buckets, err = s.History.Stats(ctx, in.Job, in.Cluster, from, to, in.Buckets)
		return out, err
	})
	route(s, operation{
		id: "calendar", method: http.MethodGet, path: "/calendar", tag: tag, role: access.Viewer, errors: []int{http.StatusNotFound},
		summary: "Count what ran in each hour of each day",
	}, func(ctx context.Context, who access.Principal, in *calendarInput) (*calendarOutput, error) {
		from, to, err := s.period(ctx, who, &in.Period, 31*24*time.Hour)
		if err != nil {
			return nil, err
		}
		if to.Sub(from) > (history.MaxDays-1)*24*time.Hour {
			return nil, field("query.from", "lies more than 399 days before to", in.From)
		}
		zone, err := time.LoadLocation(in.Timezone)
		if err != nil || in.Timezone == "Local" {
			return nil, field("query.timezone", "is no zone of the IANA data, such as Europe/Berlin", in.Timezone)
		}
		out := &calendarOutput{}
		out.Body.Days, err = s.History.Calendar(ctx, in.Job, in.Cluster, from, to, zone)
		return out, err
	})
}

// Period is the time asked for, or so much of it up to now. A principal with a
// limit names a job, or one of its clusters.
func (s *server) period(ctx context.Context, who access.Principal, p *Period, long time.Duration) (from, to time.Time, err error) {
	if from, err = moment(p.From, "query.from"); err != nil {
		return from, to, err
	}
	if to, err = moment(p.To, "query.to"); err != nil {
		return from, to, err
	}
	if to.IsZero() {
		to = s.Now()
	}
	if from.IsZero() {
		from = to.Add(-long)
	}
	if !from.Before(to) {
		return from, to, field("query.to", "does not lie after from", p.To)
	}
	if p.Job != "" {
		return from, to, s.sight(who).needJob(ctx, p.Job)
	}
	if len(who.Scope.Labels) > 0 || !who.Scope.Covers(p.Cluster, nil) {
		return from, to, huma.Error403Forbidden(who.Name + " is limited: name a job that it may see, or one of its clusters")
	}
	return from, to, nil
}

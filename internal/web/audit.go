package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/history"
)

// auditBody is what people changed.
type auditBody struct {
	Job, By string
	Rows    []auditRow
	Next    string
}

// auditRow is a change.
type auditRow struct {
	At                  moment
	By, Role, Via, From string
	Action, Job, Run    string
	Lines               []diffLine
	Unreadable          bool
}

func (s *Site) audit(ctx context.Context, r *http.Request, rd reader) (frame, error) {
	v := r.URL.Query()
	page, err := s.o.History.Audit(ctx, history.AuditFilter{Job: v.Get("job"), By: v.Get("by"), After: v.Get("after"), Limit: pageRows})
	if err != nil {
		return frame{}, fmt.Errorf("reading the audit: %w", err)
	}
	b := auditBody{Job: v.Get("job"), By: v.Get("by")}
	for i := range page.Entries {
		if row := auditRowOf(&page.Entries[i], rd.clock); rd.Who.Scope.Whole() || s.sees(ctx, rd, row.Job) {
			b.Rows = append(b.Rows, row)
		}
	}
	if page.Next != "" {
		v.Set("after", page.Next)
		b.Next = "/audit?" + v.Encode()
	}
	return frame{Page: "audit", Title: "Audit", Nav: "/audit", Live: "kind=audit", Body: b}, nil
}

// sees reports whether a job is in force and within the reader's scope.
func (s *Site) sees(ctx context.Context, rd reader, name string) bool {
	row, err := s.o.History.Job(ctx, name, rd.clock.now)
	return err == nil && rd.covers(row.Job.Job.Cluster, row.Job.Job.Labels)
}

func auditRowOf(e *history.Entry, c clock) auditRow {
	row := auditRow{At: c.moment(e.At), By: e.By, Job: e.Job}
	var r audit.Record
	if err := json.Unmarshal(e.Record, &r); err != nil {
		row.Unreadable = true
		return row
	}
	row.By, row.Role, row.Via, row.From = r.By, string(r.Role), string(r.Via), r.From
	row.Action, row.Job, row.Run = string(r.Action), r.Job, string(r.Run)
	if len(r.Before)+len(r.After) > 0 {
		row.Lines = changedLines(diffLines(indented(r.Before), indented(r.After)))
	}
	return row
}

// indented writes JSON with one member a line.
func indented(v jsontext.Value) string {
	if len(v) == 0 {
		return ""
	}
	c := v.Clone()
	if err := c.Indent(); err != nil {
		return string(v)
	}
	return string(c)
}

// changedLines are the lines that differ, for what is the same need not be read.
func changedLines(all []diffLine) []diffLine {
	var out []diffLine
	for _, l := range all {
		if l.Class != "" {
			out = append(out, l)
		}
	}
	return out
}

package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// membersBody is the schedulers and workers.
type membersBody struct {
	Schedulers []memberRow
	Workers    []memberRow
	Warnings   []string
}

// memberRow is a member.
type memberRow struct {
	ID, Host, Version string
	Mark              mark
	Beat, Since       moment
	Zones             string
	Shards            string
	Count             int // of the shards
	Cluster           string
	Runs              meter
	Retries           meter
	Held, Started     int
}

func (s *Site) members(ctx context.Context, _ *http.Request, rd reader) (frame, error) {
	all, err := s.o.History.Members(ctx, rd.clock.now)
	if err != nil {
		return frame{}, fmt.Errorf("reading the members: %w", err)
	}
	var b membersBody
	for i := range all.Members {
		m := &all.Members[i]
		row := memberRow{
			ID: m.ID, Host: m.Host, Version: m.Version, Mark: memberMark(m.Status), Beat: rd.clock.moment(m.At), Since: rd.clock.moment(m.StartedAt), Zones: m.Zones,
		}
		if m.Role == member.RoleScheduler {
			row.Shards, row.Count = ranges(m.Shards), len(m.Shards)
			b.Schedulers = append(b.Schedulers, row)
			continue
		}
		row.Cluster, row.Held, row.Started = m.Cluster, len(m.Held)+m.Unlisted, len(m.Started)
		row.Runs = meterOf(m.Runs.Total-m.Runs.Free, m.Runs.Total, fmt.Sprintf("%d of %s taken", m.Runs.Total-m.Runs.Free, counted(m.Runs.Total, "slot")))
		row.Retries = meterOf(m.Retries.Total-m.Retries.Free, m.Retries.Total, fmt.Sprintf("%d of %s for retries taken", m.Retries.Total-m.Retries.Free, counted(m.Retries.Total, "slot")))
		b.Workers = append(b.Workers, row)
	}
	if len(all.Unowned) > 0 {
		b.Warnings = append(b.Warnings, fmt.Sprintf("No living scheduler owns shard %s: nothing is decided for the jobs there. Start a scheduler.", ranges(all.Unowned)))
	}
	for _, c := range all.Closed {
		b.Warnings = append(b.Warnings, fmt.Sprintf("Runs of %s wait, says %s: %s.", c.Cluster, c.By, run.Words(c.Reason)))
	}
	if len(all.Zones) > 1 {
		b.Warnings = append(b.Warnings, "Members read time zone data of different releases ("+strings.Join(all.Zones, ", ")+"): jobs may be due at other times after a take-over. Bring all to one release.")
	}
	return frame{Page: "members", Title: "Members", Nav: "/members", Live: "kind=member", Body: b}, nil
}

func memberMark(s member.Status) mark {
	switch s {
	case member.StatusLive:
		return mark{good, "live"}
	case member.StatusSilent:
		return mark{late, "silent"}
	case member.StatusGone:
		return mark{bad, "gone"}
	case member.StatusLeft:
		return mark{none, "left"}
	}
	return mark{none, string(s)}
}

// ranges writes numbers as "0–3, 5".
func ranges(numbers []int32) string {
	sorted := slices.Sorted(slices.Values(numbers))
	var parts []string
	for i := 0; i < len(sorted); {
		k := i
		for k+1 < len(sorted) && sorted[k+1] == sorted[k]+1 {
			k++
		}
		if k == i {
			parts = append(parts, fmt.Sprint(sorted[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d–%d", sorted[i], sorted[k]))
		}
		i = k + 1
	}
	return strings.Join(parts, ", ")
}

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/query"
)

type membersCmd struct {
	connection
	answer
	All bool `short:"a" help:"Show those that are gone, too."`
}

func (membersCmd) Help() string {
	return "Who lives is read off the log of beats, as the schedulers themselves do it.\n\n" +
		"Examples:\n\n    belfry members\n    belfry members --all -o json"
}

// Run shows members.
func (c *membersCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	a, err := k.Members(ctx, c.All, time.Now())
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return s.asJSON(a)
	}
	t := newTable("MEMBER…", "ROLE", "STATUS", "CLUSTER…", "SHARDS", "SLOTS", "RETRY SLOTS", "HOLDS", "BEAT", "HOST…", "VERSION…", "ZONES…")
	for _, m := range a.Members {
		t.add(m.ID, string(m.Role), string(m.Status), orDash(m.Cluster), orDash(numbers(m.Shards)),
			slots(m.Role, m.Runs), slots(m.Role, m.Retries), holds(&m), span(time.Since(m.At))+" ago", orDash(m.Host), orDash(m.Version), orDash(m.Zones))
	}
	if err := s.table(t, "no members: start \"belfry scheduler\" and \"belfry worker\""); err != nil {
		return err
	}
	for _, c := range a.Closed {
		s.note("%s can hand out no run of %s, so that they wait: %s", c.By, c.Cluster, c.Why)
	}
	if len(a.Unowned) > 0 {
		s.note("no scheduler owns shards %s: the due times of their jobs wait", numbers(a.Unowned))
	}
	if len(a.Zones) > 1 {
		s.note("members read different time zone data, %s: a job's due times may depend on who owns its shard; give all one release or one --zones", strings.Join(a.Zones, " and "))
	}
	return nil
}

func slots(r member.Role, s member.Slots) string {
	if r != member.RoleWorker {
		return "-"
	}
	return fmt.Sprintf("%d of %d free", s.Free, s.Total)
}

func holds(m *query.Member) string {
	if m.Role != member.RoleWorker {
		return "-"
	}
	return fmt.Sprintf("%d running, %d staged", m.Running(), m.Staged())
}

// numbers writes 0,1,2,3,7 as 0-3,7.
func numbers(ns []int32) string {
	ns = slices.Sorted(slices.Values(ns))
	var parts []string
	for i := 0; i < len(ns); {
		j := i
		for j+1 < len(ns) && ns[j+1] == ns[j]+1 {
			j++
		}
		if j > i {
			parts = append(parts, fmt.Sprintf("%d-%d", ns[i], ns[j]))
		} else {
			parts = append(parts, fmt.Sprint(ns[i]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
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

// membersAnswer is what members answers.
type membersAnswer struct {
	Members []memberAnswer `json:"members"`
	// Closed are the clusters on whose queues living schedulers can put nothing.
	Closed []closedAnswer `json:"closed_clusters,omitempty"`
	// Unowned are the shards that no living scheduler says it owns.
	Unowned []int32 `json:"unowned_shards,omitempty"`
	// Zones are the versions of time zone data that living members read, in
	// order. Several are a fault: jobs may be due at other times.
	Zones []string `json:"zones,omitempty"`
}

// closedAnswer is a cluster whose runs wait, according to a scheduler.
type closedAnswer struct {
	Cluster string `json:"cluster"`
	By      string `json:"by"`
	Reason  string `json:"reason"`
	Why     string `json:"why"`
}

type memberAnswer struct {
	member.Beat
	Status member.Status `json:"status"`
}

// Run shows members.
func (c *membersCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	var view member.View
	err = k.readAll(ctx, k.names.Members(), nil, func(r *kgo.Record) error {
		if b, err := topic.DecodeBeat(r.Value); r.Value != nil && err == nil {
			view.Observe(b)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the beats: %w", err)
	}
	a := c.answerOf(view.Members(), k.shards, time.Now())
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

// quietAfter is when a member's silence says more than the log: with no
// scheduler left there is nobody by whose beats to tell.
const quietAfter = time.Minute

func (c *membersCmd) answerOf(members []member.Member, shards int32, now time.Time) membersAnswer {
	a := membersAnswer{Members: []memberAnswer{}}
	owned := map[int32]bool{}
	for _, m := range members {
		if m.Status == member.StatusLive && now.Sub(m.At) > quietAfter {
			m.Status = member.StatusSilent
		}
		alive := m.Status == member.StatusLive || m.Status == member.StatusSilent
		if alive || c.All {
			a.Members = append(a.Members, memberAnswer{m.Beat, m.Status})
		}
		if alive && m.Zones != "" && !slices.Contains(a.Zones, m.Zones) {
			a.Zones = append(a.Zones, m.Zones)
		}
		if m.Status != member.StatusLive {
			continue
		}
		for _, shard := range m.Shards {
			owned[shard] = true
		}
		for _, closed := range m.Closed {
			a.Closed = append(a.Closed, closedAnswer{closed.Cluster, m.ID, closed.Reason, reason(closed.Reason)})
		}
	}
	slices.SortStableFunc(a.Members, func(x, y memberAnswer) int { return strings.Compare(string(x.Role), string(y.Role)) })
	slices.Sort(a.Zones)
	for shard := range shards {
		if !owned[shard] {
			a.Unowned = append(a.Unowned, shard)
		}
	}
	return a
}

func slots(r member.Role, s member.Slots) string {
	if r != member.RoleWorker {
		return "-"
	}
	return fmt.Sprintf("%d of %d free", s.Free, s.Total)
}

func holds(m *memberAnswer) string {
	if m.Role != member.RoleWorker {
		return "-"
	}
	return fmt.Sprintf("%d running, %d staged", len(m.Started), len(m.Held))
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

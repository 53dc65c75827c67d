package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
)

const (
	// clockApart is how far a member's clock may be from this host's: beats come
	// each second.
	clockApart = 5 * time.Second
	// certificateSoon is how long before its end a certificate is complained of.
	certificateSoon = 14 * 24 * time.Hour
	// waitingMany is how many runs may wait on a queue unremarked.
	waitingMany = 1000
)

type doctorCmd struct {
	connection
	answer
	Clusters []string `placeholder:"NAME" env:"BELFRY_CLUSTERS" help:"Clusters whose topics must be there (default: those that have topics)."`
}

func (doctorCmd) Help() string {
	return "Looks at brokers, topics and their settings, members, shards, clocks, queues and the certificate, " +
		"and says what to do. Exit code 1 if anything is wrong.\n\n" +
		"Examples:\n\n    belfry doctor\n    belfry doctor -o json"
}

// Run looks for what is wrong.
func (c *doctorCmd) Run(ctx context.Context, s *session) error {
	k, err := c.reach(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	findings, err := c.examine(ctx, k)
	if err != nil {
		return err
	}
	wrong := 0
	for _, f := range findings {
		if f.Wrong != "" {
			wrong++
		}
	}
	if c.Output == "json" {
		if err := s.asJSON(findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			if f.Wrong == "" {
				s.printf("ok     %s\n", f.Check)
				continue
			}
			s.printf("WRONG  %s: %s\n       do: %s\n", f.Check, f.Wrong, f.Do)
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d checks found something wrong", wrong, len(findings))
	}
	return nil
}

// examine looks at Kafka first: what is wrong there explains the rest.
func (c *doctorCmd) examine(ctx context.Context, k *cluster) ([]kafka.Finding, error) {
	topics, err := k.admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	clusters := c.Clusters
	for _, t := range topics {
		if len(c.Clusters) == 0 && t.Cluster != "" {
			clusters = append(clusters, t.Cluster)
		}
	}
	findings, err := k.admin.Inspect(ctx, clusters)
	if err != nil {
		return nil, err
	}
	findings = append(findings, c.certificate(time.Now()), queues(topics))
	shards, err := k.admin.Shards(ctx)
	if errors.Is(err, kafka.ErrNoTopics) {
		return findings, nil // said already
	}
	if err != nil {
		return nil, err
	}
	k.Shards = shards
	now := time.Now()
	members, err := k.Members(ctx, false, now)
	if err != nil {
		return nil, err
	}
	return append(findings, judgeMembers(members, now)...), nil
}

func (c *doctorCmd) certificate(now time.Time) kafka.Finding {
	f := kafka.Finding{Check: "client certificate"}
	end, err := kafka.TLS{CertFile: c.TLSCert, KeyFile: c.TLSKey}.End()
	switch {
	case err != nil:
		f.Wrong, f.Do = err.Error(), "mend --tls-cert and --tls-key"
	case !end.IsZero() && end.Sub(now) < certificateSoon:
		f.Wrong, f.Do = "it ends at "+end.UTC().Format(time.RFC3339), "renew it, then restart the members one after the other"
	}
	return f
}

func queues(topics []kafka.Topic) kafka.Finding {
	f := kafka.Finding{Check: "queues"}
	for _, t := range topics {
		if t.Waiting > waitingMany {
			f.Wrong = fmt.Sprintf("%d runs wait on %s", t.Waiting, t.Name)
			f.Do = "more workers or slots for " + t.Cluster + "; see docs/runbooks/NoFreeSlot.md"
		}
	}
	return f
}

// judgeMembers looks at who lives, what they own and what their clocks say.
func judgeMembers(m member.Roster, now time.Time) []kafka.Finding {
	living := kafka.Finding{Check: "schedulers and workers"}
	clocks := kafka.Finding{Check: "clocks"}
	schedulers, workers := 0, 0
	for i := range m.Members {
		b := &m.Members[i]
		if b.Status != member.StatusLive {
			continue
		}
		if b.Role == member.RoleScheduler {
			schedulers++
		} else {
			workers++
		}
		if apart := now.Sub(b.At); apart.Abs() > clockApart {
			clocks.Wrong = fmt.Sprintf("the latest beat of %s on %s is %s from this host's time", b.ID, b.Host, apart.Round(time.Second))
			clocks.Do = "synchronize both hosts (chronyc tracking)"
		}
	}
	switch {
	case schedulers == 0:
		living.Wrong, living.Do = "no scheduler lives", "belfry scheduler; see docs/runbooks/NoScheduler.md"
	case workers == 0:
		living.Wrong, living.Do = "no worker lives", "belfry worker --cluster NAME"
	case schedulers == 1:
		living.Wrong, living.Do = "there is one scheduler: its host's death stops all", "start another, on another host"
	}
	owned := kafka.Finding{Check: "shards"}
	if len(m.Unowned) > 0 {
		owned.Wrong = "nobody owns shards " + numbers(m.Unowned)
		owned.Do = "see docs/runbooks/ShardsWithoutOwner.md"
	}
	open := kafka.Finding{Check: "clusters"}
	for _, c := range m.Closed {
		open.Wrong, open.Do = fmt.Sprintf("runs of %s wait: %s", c.Cluster, c.Why), "belfry acls scheduler"
	}
	zones := kafka.Finding{Check: "time zone data"}
	if len(m.Zones) > 1 {
		zones.Wrong, zones.Do = "members read "+strings.Join(m.Zones, " and "), "give all one release or one --zones"
	}
	return []kafka.Finding{living, owned, open, clocks, zones}
}

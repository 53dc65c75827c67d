package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/belfry-cron/belfry/internal/topic"
)

// Finding is what was looked at, and what is wrong with it and to be done.
// Wrong is empty if all is well.
type Finding struct {
	Check string `json:"check"`
	Wrong string `json:"wrong,omitempty"`
	Do    string `json:"do,omitempty"`
}

// Inspect holds the brokers, and the topics of the clusters, against what Belfry
// needs.
func (a *Admin) Inspect(ctx context.Context, clusters []string) ([]Finding, error) {
	brokers, err := a.adm.ListBrokers(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing brokers: %w", err)
	}
	findings := []Finding{enough(len(brokers))}
	features := Finding{Check: "features of the brokers"}
	if err := CheckFeatures(ctx, a.cl); err != nil {
		features.Wrong, features.Do = err.Error(), "update Kafka"
	}
	shards, err := a.Shards(ctx)
	if errors.Is(err, ErrNoTopics) {
		return append(findings, features, Finding{"topics", "Belfry's topics do not exist", "belfry topics create"}), nil
	}
	if err != nil {
		return nil, err
	}
	settings := topic.Settings(a.names, clusters, shards, len(brokers))
	names := make([]string, 0, len(settings))
	for _, s := range settings {
		names = append(names, s.Name)
	}
	details, err := a.topics(ctx, names...)
	if err != nil {
		return nil, err
	}
	configs, err := a.configs(ctx, slices.Collect(maps.Keys(details)))
	if err != nil {
		return nil, err
	}
	findings = append(findings, features)
	for _, s := range settings {
		d, there := details[s.Name]
		if !there {
			findings = append(findings, Finding{"topic " + s.Name, "it does not exist", "belfry topics create"})
			continue
		}
		findings = append(findings, replicas(s, d), settled(s, configs[s.Name]))
	}
	return findings, nil
}

func enough(brokers int) Finding {
	f := Finding{Check: fmt.Sprintf("brokers: %d", brokers)}
	if brokers < 3 {
		f.Wrong = "the death of one stops Belfry, or loses what it holds"
		f.Do = "run three or more, each on a host of its own"
	}
	return f
}

// replicas judges how a topic's partitions stand now.
func replicas(s topic.Setting, d kadm.TopicDetail) Finding {
	f := Finding{Check: "replicas of " + s.Name}
	for _, p := range d.Partitions.Sorted() {
		switch {
		case p.Leader < 0:
			f.Wrong = fmt.Sprintf("partition %d has no leader", p.Partition)
			f.Do = "start the brokers " + numbers(p.Replicas)
			return f
		case len(p.Replicas) < int(s.Replication):
			f.Wrong = fmt.Sprintf("partition %d has %d of %d replicas", p.Partition, len(p.Replicas), s.Replication)
			f.Do = "kafka-reassign-partitions.sh; see docs/operations.md on creating topics while all brokers are up"
			return f
		case len(p.ISR) < len(p.Replicas):
			f.Wrong = fmt.Sprintf("of partition %d the replicas %s are in sync, of %s", p.Partition, numbers(p.ISR), numbers(p.Replicas))
			f.Do = "start the others, or look why they are slow"
		}
	}
	return f
}

func numbers(ids []int32) string {
	words := make([]string, 0, len(ids))
	for _, id := range ids {
		words = append(words, fmt.Sprint(id))
	}
	return strings.Join(words, ", ")
}

// settled judges the settings that safety rests on. How long records are kept is
// the operator's choice.
func settled(s topic.Setting, have map[string]string) Finding {
	f := Finding{Check: "settings of " + s.Name}
	var wrong, change []string
	for _, name := range []string{"cleanup.policy", "min.insync.replicas", "unclean.leader.election.enable"} {
		want := s.Config[name]
		if got, ok := have[name]; ok && got != want {
			wrong = append(wrong, fmt.Sprintf("%s is %s, not %s", name, got, want))
			change = append(change, name+"="+want)
		}
	}
	if len(wrong) > 0 {
		f.Wrong = strings.Join(wrong, "; ")
		f.Do = fmt.Sprintf("kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s", s.Name, strings.Join(change, ","))
	}
	return f
}

// configs gives the settings of topics by name.
func (a *Admin) configs(ctx context.Context, names []string) (map[string]map[string]string, error) {
	resources, err := a.adm.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("asking for the settings of topics: %w", err)
	}
	all := map[string]map[string]string{}
	for _, r := range resources {
		if r.Err != nil {
			return nil, fmt.Errorf("asking for the settings of %s: %w", r.Name, r.Err)
		}
		values := map[string]string{}
		for _, c := range r.Configs {
			values[c.Key] = c.MaybeValue()
		}
		all[r.Name] = values
	}
	return all, nil
}

package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/topic"
)

// Right lets a principal do something with a resource, or with all whose names
// begin with Name if it is Prefixed.
type Right struct {
	Resource   string   `json:"resource"` // topic, group or transactional-id
	Name       string   `json:"name"`
	Prefixed   bool     `json:"prefixed,omitzero"`
	Operations []string `json:"operations"` // read, write, describe, create
	Why        string   `json:"why"`
}

// The resources.
const (
	ofTopic         = "topic"
	ofGroup         = "group"
	ofTransactional = "transactional-id"
)

// SchedulerRights are the least with which a scheduler works whose topics exist.
// With jobFiles it may also keep job files in force.
func SchedulerRights(n topic.Names, jobFiles bool) []Right {
	rights := []Right{
		{ofTopic, n.Jobs(), false, []string{"read"}, "definitions"},
		{ofTopic, n.Commands(), false, []string{"read"}, "what people ask"},
		{ofTopic, n.Events(), false, []string{"read", "write"}, "the ledger, and what workers report"},
		{ofTopic, n.State(), false, []string{"read", "write"}, "the shards' state"},
		{ofTopic, n.Members(), false, []string{"read", "write"}, "beats"},
		{ofTopic, n.Control(), false, []string{"write"}, "what workers are told"},
		{ofTopic, n.Notices(), false, []string{"write"}, "what is to be told about jobs"},
		{ofTopic, n.Runs(""), true, []string{"write"}, "first attempts, of all clusters"},
		{ofTopic, n.Retries(""), true, []string{"write"}, "later attempts"},
		{ofTopic, n.Dead(), true, []string{"write"}, "what was given up or cannot be read"},
		{ofTransactional, n.Prefix + "scheduler.", true, []string{"describe", "write"}, "a transactional ID for each shard"},
	}
	if jobFiles {
		rights[0].Operations = []string{"read", "write"}
		rights = append(rights, Right{ofTopic, n.Audit(), false, []string{"write"}, "who changed which job"})
	}
	return rights
}

// WorkerRights are the least with which a worker of a cluster works.
func WorkerRights(n topic.Names, cluster string) []Right {
	return []Right{
		{ofTopic, n.Runs(cluster), false, []string{"read"}, "first attempts"},
		{ofTopic, n.Retries(cluster), false, []string{"read"}, "later attempts"},
		{ofTopic, n.Control(), false, []string{"read"}, "what schedulers tell"},
		{ofTopic, n.Members(), false, []string{"read", "write"}, "beats"},
		{ofTopic, n.Events(), false, []string{"write"}, "claims and reports"},
		{ofTopic, n.Output(cluster), false, []string{"write"}, "what runs write"},
		{ofTopic, n.DeadOf(cluster), false, []string{"write"}, "queue records that cannot be read"},
		{ofTopic, n.Jobs(), false, []string{"describe"}, "how many shards there are"},
		{ofTopic, n.Commands(), false, []string{"describe"}, "how many shards there are"},
		{ofTopic, n.State(), false, []string{"describe"}, "how many shards there are"},
		{ofGroup, n.Group(cluster, "runs"), false, []string{"read"}, "its place in the queue"},
		{ofGroup, n.Group(cluster, "retries"), false, []string{"read"}, "its place in the queue"},
		{ofTransactional, n.Prefix + "worker.", true, []string{"describe", "write"}, "claims"},
	}
}

// OperatorRights are the least with which every command of people works but those
// that make topics or rights.
func OperatorRights(n topic.Names) []Right {
	return []Right{
		{ofTopic, n.Prefix, true, []string{"read"}, "to list and explain"},
		{ofTopic, n.Jobs(), false, []string{"write"}, "apply"},
		{ofTopic, n.Commands(), false, []string{"write"}, "run, cancel, pause, requeue"},
		{ofTopic, n.Audit(), false, []string{"write"}, "who changed what"},
		{ofGroup, n.Prefix, true, []string{"describe"}, "what waits on queues"},
	}
}

// Grant lets the principal, as "User:belfry", do all that from any host.
func (a *Admin) Grant(ctx context.Context, principal string, rights []Right) error {
	for _, r := range rights {
		b := kadm.NewACLs().Allow(principal).AllowHosts("*")
		pattern := kmsg.ACLResourcePatternTypeLiteral
		if r.Prefixed {
			pattern = kmsg.ACLResourcePatternTypePrefixed
		}
		b = b.ResourcePatternType(pattern).Operations(r.operations()...)
		switch r.Resource {
		case ofTopic:
			b = b.Topics(r.Name)
		case ofGroup:
			b = b.Groups(r.Name)
		case ofTransactional:
			b = b.TransactionalIDs(r.Name)
		}
		results, err := a.adm.CreateACLs(ctx, b)
		if err != nil {
			return fmt.Errorf("granting %s %s: %w", r.Resource, r.Name, err)
		}
		for _, result := range results {
			if result.Err != nil {
				return fmt.Errorf("granting %s %s: %w (%s)", r.Resource, r.Name, result.Err, result.ErrMessage)
			}
		}
	}
	return nil
}

func (r Right) operations() []kmsg.ACLOperation {
	var all []kmsg.ACLOperation
	for _, name := range r.Operations {
		all = append(all, map[string]kmsg.ACLOperation{
			"read": kmsg.ACLOperationRead, "write": kmsg.ACLOperationWrite, "describe": kmsg.ACLOperationDescribe,
		}[name])
	}
	return all
}

// Command is how Kafka's own tool grants the right.
func (r Right) Command(principal string) string {
	words := []string{"kafka-acls.sh", "--add", "--allow-principal", principal}
	for _, o := range slices.Sorted(slices.Values(r.Operations)) {
		words = append(words, "--operation", o)
	}
	words = append(words, "--"+r.Resource, r.Name)
	if r.Prefixed {
		words = append(words, "--resource-pattern-type", "prefixed")
	}
	return strings.Join(words, " ")
}

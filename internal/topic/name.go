package topic

import (
	"strings"
)

// DefaultPrefix stands before every topic's name.
const DefaultPrefix = "belfry."

// Names gives the names of all topics under one prefix.
type Names struct{ Prefix string }

// Jobs holds job definitions, compacted, keyed by job name.
func (n Names) Jobs() string { return n.Prefix + "jobs" }

// Commands holds what people ask of shards, keyed by job name.
func (n Names) Commands() string { return n.Prefix + "commands" }

// Events holds the ledger and the workers' reports, keyed by job name.
func (n Names) Events() string { return n.Prefix + "events" }

// State holds the shards' state, compacted, keyed by job name.
func (n Names) State() string { return n.Prefix + "state" }

// Members holds beats, keyed by member ID.
func (n Names) Members() string { return n.Prefix + "members" }

// Control holds what schedulers tell workers, in a partition for each
// cluster, keyed by run ID, cluster or member ID.
func (n Names) Control() string { return n.Prefix + "control" }

// Audit holds who changed what, keyed by job name or audit.AccessKey.
func (n Names) Audit() string { return n.Prefix + "audit" }

// Access holds the tokens, compacted, keyed by their IDs.
func (n Names) Access() string { return n.Prefix + "access" }

// Notices holds what is to be told about jobs and what became of it, keyed by
// job name.
func (n Names) Notices() string { return n.Prefix + "notices" }

// NoticesGroup is the consumer group of the servers that deliver notices.
func (n Names) NoticesGroup() string { return n.Prefix + "notices" }

// Dead holds unreadable records that belong to no cluster.
func (n Names) Dead() string { return n.Prefix + "dead" }

// Runs is a cluster's queue of first attempts, keyed by run ID.
func (n Names) Runs(cluster string) string { return n.Prefix + "runs." + cluster }

// Retries is a cluster's queue of later attempts, keyed by run ID.
func (n Names) Retries(cluster string) string { return n.Prefix + "retries." + cluster }

// DeadOf holds the runs of a cluster that were given up, keyed by run ID.
func (n Names) DeadOf(cluster string) string { return n.Prefix + "dead." + cluster }

// Output holds what the runs of a cluster wrote, keyed by run ID.
func (n Names) Output(cluster string) string { return n.Prefix + "output." + cluster }

// Cluster returns the cluster a per-cluster topic belongs to, and false for
// all other topics.
func (n Names) Cluster(topic string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, n.Prefix)
	if !ok {
		return "", false
	}
	for _, kind := range []string{"runs.", "retries.", "dead.", "output."} {
		if cluster, ok := strings.CutPrefix(rest, kind); ok {
			return cluster, true
		}
	}
	return "", false
}

package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/topic"
)

// stopMargin is what stopping may take beyond a worker's drain.
const stopMargin = 30 * time.Second

// Node is what every role needs.
type Node struct {
	// Name is the member's: unique among those alive, and the same after a
	// restart. Host and Version are shown to people, as is Zones, the version
	// of the time zone data.
	Name, Host, Version, Zones string

	// Keeper is the command line that makes this program a keeper of a
	// worker's commands; empty: workers have none.
	Keeper []string

	Kafka kafka.Options
	// Wait is how long to wait for a broker at the start.
	Wait  time.Duration
	Names topic.Names

	// CreateTopics makes the topics that are missing, with that many Shards
	// (0: as many as there are, else the default).
	CreateTopics bool
	Shards       int32

	// MetricsAddr serves /metrics, /healthz and /readyz; empty serves none.
	MetricsAddr string
	Registry    *prometheus.Registry
	Log         *slog.Logger
}

// opened is a node with its connections.
type opened struct {
	Node
	stack  *stack
	roles  *roles
	health *health
	// process is starting until all its roles have been started.
	process *part
	client  *kgo.Client
	admin   *kafka.Admin
	topics  *query.Topics
}

// open reaches Kafka, makes sure that it will do and that the topics of the
// clusters are there. Everything opened is on the stack.
func (o Node) open(ctx context.Context, st *stack, clusters []string) (*opened, error) {
	o.Kafka.Metrics = kafka.NewMetrics(o.Registry)
	n := &opened{Node: o, stack: st, roles: newRoles(st), health: &health{}}
	n.expose()
	n.process = n.health.begin(o.Name)
	if err := n.serve(ctx); err != nil {
		return nil, err
	}
	if err := kafka.Await(ctx, o.Kafka, o.Wait, o.Log); err != nil {
		return nil, err
	}
	client, err := o.Kafka.Client()
	if err != nil {
		return nil, err
	}
	st.push("Kafka client", func(context.Context) error { client.Close(); return nil })
	if err := kafka.CheckFeatures(ctx, client); err != nil {
		return nil, err
	}
	n.client, n.admin = client, kafka.NewAdmin(client, o.Names)
	if err := n.ensure(ctx, clusters); err != nil {
		return nil, err
	}
	shards, err := n.admin.Shards(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for the topics: %w", err)
	}
	n.topics = &query.Topics{Kafka: o.Kafka, Client: client, Names: o.Names, Shards: shards}
	return n, nil
}

// started says that all roles of the process have been started: they answer
// for themselves.
func (n *opened) started() { n.health.end(n.process) }

// ensure makes the topics of the clusters that are missing, if it may.
func (n *opened) ensure(ctx context.Context, clusters []string) error {
	if !n.CreateTopics {
		return nil
	}
	made, err := n.admin.EnsureTopics(ctx, clusters, n.Shards, kafka.EnsureOptions{})
	if err != nil {
		return fmt.Errorf("making the topics: %w", err)
	}
	if len(made) > 0 {
		n.Log.Info("topics created", "count", len(made))
		n.Log.Debug("topics created", "names", made)
	}
	return nil
}

// watch starts a source for path. prepare gets the clusters its files name,
// before their jobs are written.
func (n *opened) watch(ctx context.Context, path string, prepare func(context.Context, []string) error) {
	s := &source{
		path: path, by: n.Name, topics: n.topics, prepare: prepare,
		log: n.Log, metrics: newSourceMetrics(n.Registry),
	}
	n.roles.start(ctx, "job files", s.run)
}

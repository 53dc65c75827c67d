package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

// stopMargin is what stopping may take beyond a worker's drain.
const stopMargin = 30 * time.Second

// Node is what every role needs.
type Node struct {
	// Name is the member's: unique among those alive, and the same after a
	// restart. Host and Version are shown to people.
	Name, Host, Version string

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
	// started says that all roles of the process have been started.
	started func()
	client  *kgo.Client
	admin   *kafka.Admin
	store   Store
}

// open reaches Kafka, makes sure that it will do and that the topics of the
// clusters are there. Everything opened is on the stack.
func (n Node) open(ctx context.Context, st *stack, clusters []string) (*opened, error) {
	o := &opened{Node: n, stack: st, roles: newRoles(st), health: &health{}, started: func() {}}
	if err := o.serve(ctx); err != nil {
		return nil, err
	}
	if err := kafka.Await(ctx, n.Kafka, n.Wait, n.Log); err != nil {
		return nil, err
	}
	client, err := n.Kafka.Client()
	if err != nil {
		return nil, err
	}
	st.push("Kafka client", func(context.Context) error { client.Close(); return nil })
	if err := kafka.CheckFeatures(ctx, client); err != nil {
		return nil, err
	}
	o.client, o.admin = client, kafka.NewAdmin(client, n.Names)
	if err := o.ensure(ctx, clusters); err != nil {
		return nil, err
	}
	shards, err := o.admin.Shards(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for the topics: %w", err)
	}
	o.store = Store{Kafka: n.Kafka, Client: client, Names: n.Names, Shards: shards}
	return o, nil
}

// ensure makes the topics of the clusters that are missing, if it may.
func (o *opened) ensure(ctx context.Context, clusters []string) error {
	if !o.CreateTopics {
		return nil
	}
	made, err := o.admin.EnsureTopics(ctx, clusters, o.Shards, kafka.EnsureOptions{})
	if err != nil {
		return fmt.Errorf("making the topics: %w", err)
	}
	if len(made) > 0 {
		o.Log.Info("topics created", "count", len(made))
		o.Log.Debug("topics created", "names", made)
	}
	return nil
}

// watch starts a source for path. prepare gets the clusters its files name,
// before their jobs are written.
func (o *opened) watch(ctx context.Context, path string, prepare func(context.Context, []string) error) {
	s := &source{
		path: path, by: o.Name, store: o.store, prepare: prepare,
		log: o.Log, metrics: newSourceMetrics(o.Registry),
	}
	o.roles.start(ctx, "job files", s.run)
}

package app

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/worker"
)

// WorkerOptions says what a worker process is.
type WorkerOptions struct {
	Node
	Cluster string

	// Queues are those it takes runs from, each with its own slots.
	Queues            []run.Queue
	Slots, RetrySlots int

	// Drain is how long started runs may go on once ctx has ended.
	Drain time.Duration

	// OnEvent sees every report the worker sent, and of which run; it must
	// not block.
	OnEvent func(run.Event, run.Run)
}

// Worker runs a worker until ctx ends; then it returns what it has not
// started, lets the rest finish within the drain time, and leaves.
func Worker(ctx context.Context, o WorkerOptions) (err error) {
	st := &stack{log: o.Log}
	defer func() { err = errors.Join(err, st.close(o.Drain+stopMargin)) }()
	n, err := o.open(ctx, st, []string{o.Cluster})
	if err != nil {
		return unlessEnded(ctx, err)
	}
	st.push("worker", n.runWorker(ctx, o))
	n.started()
	return n.roles.wait(ctx)
}

// runWorker starts a worker and returns what stops it. Its metrics carry its
// cluster: several workers in one process share the registry.
func (n *opened) runWorker(ctx context.Context, o WorkerOptions) (stop func(context.Context) error) {
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"cluster": o.Cluster}, n.Registry)
	health := n.health.begin(o.Name)
	wo := worker.Options{
		Name: o.Name, Host: n.Host, Version: n.Version, Zones: n.Zones, Cluster: o.Cluster,
		Queues: o.Queues, Slots: o.Slots, RetrySlots: o.RetrySlots, Drain: o.Drain,
		Kafka: n.Kafka, Names: n.Names, Shards: n.topics.Shards, Keeper: n.Keeper,
		Registry: reg, Log: n.Log, OnEvent: o.OnEvent,
		Observe: func(state func() ready.Worker) {
			health.observe(func(now time.Time) []ready.Reason { return state().Reasons(now) })
		},
	}
	return n.roles.run(ctx, "worker "+o.Name, func(ctx context.Context) error { return worker.Run(ctx, wo) })
}

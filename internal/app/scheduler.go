package app

import (
	"context"
	"errors"
	"time"

	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/scheduler"
)

// SchedulerOptions says what a scheduler process is.
type SchedulerOptions struct {
	Node

	// Jobs is a job file or a folder of them that is kept in force; empty
	// leaves the jobs to others.
	Jobs     string
	Clusters []string
	Lead     time.Duration

	// OnEvent sees every event the scheduler committed; it must not block.
	OnEvent func(run.Event)
	// Ready, if set, is called once, when the first shards are loaded.
	Ready func()
}

// Scheduler runs a scheduler until ctx ends, and then leaves in order.
func Scheduler(ctx context.Context, o SchedulerOptions) (err error) {
	st := &stack{log: o.Log}
	defer func() { err = errors.Join(err, st.close(stopMargin)) }()
	n, err := o.open(ctx, st, o.Clusters)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	n.startScheduler(ctx, o)
	if o.Jobs != "" {
		n.watch(ctx, o.Jobs, n.ensure)
	}
	n.started()
	return n.roles.wait(ctx)
}

func (n *opened) startScheduler(ctx context.Context, o SchedulerOptions) {
	health := n.health.begin(n.Name)
	so := scheduler.Options{
		Name: n.Name, Host: n.Host, Version: n.Version, Zones: n.Zones,
		Kafka: n.Kafka, Names: n.Names, Shards: n.topics.Shards,
		CreateTopics: n.CreateTopics, Lead: o.Lead,
		Registry: n.Registry, Log: n.Log, OnEvent: o.OnEvent, Ready: o.Ready,
		Observe: func(state func() ready.Scheduler) {
			health.observe(func(now time.Time) []ready.Reason { return state().Reasons(now) })
		},
	}
	n.roles.start(ctx, "scheduler", func(ctx context.Context) error { return scheduler.Run(ctx, so) })
}

package cli

import (
	"context"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/run"
)

type workerCmd struct {
	connection `set:"wait=2m"`
	role
	slotFlags
	Cluster string `required:"" placeholder:"NAME" env:"BELFRY_CLUSTER" help:"Cluster whose runs it takes."`
	Queue   string `enum:"runs,retries,both" default:"both" env:"BELFRY_QUEUE" help:"Which runs it takes: first attempts, retries, or ${enum}."`
}

func (workerCmd) Help() string {
	return "Any number of workers share a cluster's runs. When it is stopped, it gives back what it has not started and lets the rest finish.\n\n" +
		"Examples:\n\n    belfry worker --cluster cluster-a --slots 16\n    belfry worker --cluster cluster-a --queue retries --retry-slots 4"
}

// Run runs a worker until it is interrupted.
func (c *workerCmd) Run(ctx context.Context, s *session) error {
	release, err := c.claimName("worker-" + hostname() + "-" + c.Cluster)
	if err != nil {
		return err
	}
	defer release()
	node, err := c.node(s, &c.connection)
	if err != nil {
		return err
	}
	return app.Worker(ctx, app.WorkerOptions{
		Node: node, Cluster: c.Cluster, Queues: c.queues(),
		Slots: c.Slots, RetrySlots: c.RetrySlots, Drain: c.Drain,
		OnEvent: newLines(s, c.Quiet).ran,
	})
}

func (c *workerCmd) queues() []run.Queue {
	switch c.Queue {
	case "runs":
		return []run.Queue{run.QueueRuns}
	case "retries":
		return []run.Queue{run.QueueRetries}
	}
	return []run.Queue{run.QueueRuns, run.QueueRetries}
}

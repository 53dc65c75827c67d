package cli

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/belfry-cron/belfry/internal/app"
)

type schedulerCmd struct {
	connection `set:"wait=2m"`
	role
	leadFlag `set:"lead=30s"`
	Jobs     string   `placeholder:"FILE|DIR" predictor:"file" env:"BELFRY_JOBS" help:"Keep the jobs of this file or folder in force; changes are picked up within 2 s."`
	Clusters []string `placeholder:"NAME" default:"cluster-a,cluster-b" env:"BELFRY_CLUSTERS" help:"Clusters to make topics for, beside those that job files name."`
}

func (schedulerCmd) Help() string {
	return "Any number of schedulers share the work; when one ends, the others take over what was its own.\n\n" +
		"Examples:\n\n    belfry scheduler --brokers kafka-1:9092,kafka-2:9092 --jobs /etc/belfry/jobs.d"
}

// Run runs a scheduler until it is interrupted.
func (c *schedulerCmd) Run(ctx context.Context, s *session) error {
	if err := checkJobsPath(c.Jobs); err != nil {
		return err
	}
	release, err := c.claimName("scheduler-" + hostname())
	if err != nil {
		return err
	}
	defer release()
	node, err := c.node(s, &c.connection)
	if err != nil {
		return err
	}
	saveMemory()
	return app.Scheduler(ctx, app.SchedulerOptions{
		Node: node, Jobs: c.Jobs, Clusters: c.Clusters, Lead: c.Lead,
		OnEvent: newLines(s, c.Quiet).scheduled,
		// Loading leaves more garbage than all jobs take.
		Ready: func() { go debug.FreeOSMemory() },
	})
}

// saveMemory has the collector run more often than it would: of a million
// jobs most lie still, so that it costs little, and would let memory double.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/belfry-cron/belfry/internal/kafka"
)

type aclsCmd struct {
	connection
	answer
	Role      string `arg:"" enum:"scheduler,worker,operator" help:"Whose rights: ${enum}."`
	Principal string `required:"" placeholder:"User:NAME" help:"Who gets them, as Kafka names it."`
	Cluster   string `placeholder:"NAME" help:"The worker's cluster."`
	JobFiles  bool   `help:"The scheduler keeps job files in force, too."`
	Apply     bool   `help:"Grant them; without it they are only shown."`
}

func (aclsCmd) Help() string {
	return "The least rights with which a role works, once \"belfry topics create\" has made the topics; " +
		"give schedulers and workers create_topics: false then. What is shown is the command of Kafka's own tool.\n\n" +
		"Examples:\n\n    belfry acls scheduler --principal User:belfry-scheduler\n" +
		"    belfry acls worker --cluster cluster-a --principal User:worker-a --apply"
}

// Validate is called by kong.
func (c *aclsCmd) Validate() error {
	switch {
	case c.Role == "worker" && c.Cluster == "":
		return errors.New("--cluster is missing: a worker's rights are for one cluster")
	case c.Role != "worker" && c.Cluster != "":
		return errors.New("--cluster is for a worker")
	case c.Role != "scheduler" && c.JobFiles:
		return errors.New("--job-files is for a scheduler")
	case !strings.Contains(c.Principal, ":"):
		return errors.New("--principal is written as Kafka names it, such as User:belfry")
	}
	return nil
}

func (c *aclsCmd) rights() []kafka.Right {
	switch c.Role {
	case "scheduler":
		return kafka.SchedulerRights(c.names(), c.JobFiles)
	case "worker":
		return kafka.WorkerRights(c.names(), c.Cluster)
	}
	return kafka.OperatorRights(c.names())
}

// Run shows or grants rights.
func (c *aclsCmd) Run(ctx context.Context, s *session) error {
	rights := c.rights()
	if c.Apply {
		k, err := c.reach(ctx, s)
		if err != nil {
			return err
		}
		defer k.close()
		if err := k.admin.Grant(ctx, c.Principal, rights); err != nil {
			return err
		}
	}
	if c.Output == "json" {
		return s.asJSON(rights)
	}
	for _, r := range rights {
		s.printf("%s   # %s\n", r.Command(c.Principal), r.Why)
	}
	return nil
}

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/notice"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
)

type noticesCmd struct {
	List noticesListCmd `cmd:"" default:"withargs" help:"List what people were told of jobs, and what became of it."`
	Test noticesTestCmd `cmd:"" help:"Send a test to a target."`
}

type noticesListCmd struct {
	connection
	answer
	Job   string        `arg:"" optional:"" help:"Only those about this job."`
	Since time.Duration `default:"24h" help:"How far back to look."`
}

func (noticesListCmd) Help() string {
	return "A job's \"notify\" says who is told of what; docs/notices.md says more.\n\n" +
		"Examples:\n\n    belfry notices\n    belfry notices list backup --since 168h -o json"
}

// Run lists notices.
func (c *noticesListCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	all, err := k.Notices(ctx, c.Job, time.Now().Add(-c.Since))
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return s.asJSON(all)
	}
	t := newTable("AT", "JOB…", "WHEN", "TO", "WHAT…")
	for i := range all {
		t.add(when(all[i].At), all[i].Job, string(all[i].When), whom(&all[i]), all[i].Text)
	}
	return s.table(t, "nobody was told anything")
}

// whom names the targets of a notice, and what became of it there.
func whom(n *query.Notice) string {
	var all []string
	for _, name := range n.To {
		became := "on its way"
		switch s := n.Settled[name]; s.Type {
		case run.NoticeDelivered:
			became = "delivered"
		case run.NoticeGivenUp:
			became = "given up: " + s.Error
		case run.NoticeTold:
		}
		all = append(all, fmt.Sprintf("%s (%s)", name, became))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// targets name the file of whom notices go to.
type targets struct {
	Notices string `placeholder:"FILE" predictor:"file" env:"BELFRY_NOTICES" help:"Deliver notices to the targets that this file names (docs/notices.md)."`
}

// load returns nil if no file is named.
func (t *targets) load() (*notice.Settings, error) {
	if t.Notices == "" {
		return nil, nil
	}
	settings, err := notice.Load(t.Notices)
	if err != nil {
		return nil, usageError(err)
	}
	return &settings, nil
}

type noticesTestCmd struct {
	Target  string `arg:"" help:"Name of the target."`
	Notices string `required:"" placeholder:"FILE" predictor:"file" env:"BELFRY_NOTICES" help:"File that says what the targets of notices are."`
}

func (noticesTestCmd) Help() string {
	return "Sends a test from this host, at once and once. With PagerDuty it opens an incident and closes it.\n\n" +
		"Examples:\n\n    belfry notices test chat --notices targets.yaml"
}

// Run sends the test.
func (c *noticesTestCmd) Run(ctx context.Context, s *session) error {
	settings, err := notice.Load(c.Notices)
	if err != nil {
		return usageError(err)
	}
	if err := notice.New(notice.Options{Name: whoami(), Settings: settings, Log: s.log}).Test(ctx, c.Target); err != nil {
		return err
	}
	s.printf("%s took the test\n", c.Target)
	return nil
}

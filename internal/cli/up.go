package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/belfry-cron/belfry/internal/app"
)

// upWait is how long the embedded broker may take to answer its own process.
const upWait = 30 * time.Second

type upCmd struct {
	leadFlag
	slotFlags
	Jobs        string   `placeholder:"FILE|DIR" predictor:"file" env:"BELFRY_JOBS" help:"Keep the jobs of this file or folder in force; changes are picked up within 2 s."`
	Dir         string   `default:"belfry-data" placeholder:"DIR" env:"BELFRY_DIR" help:"Where the embedded broker keeps its data."`
	Listen      string   `default:"${brokers}" env:"BELFRY_LISTEN" help:"Address of the embedded broker."`
	Clusters    []string `placeholder:"NAME" env:"BELFRY_CLUSTERS" help:"Clusters to run a worker for, and no others (default: those of the job files and those with jobs, else cluster-a and cluster-b)."`
	Prefix      string   `default:"belfry." env:"BELFRY_PREFIX" help:"What the names of all topics begin with."`
	MetricsAddr string   `placeholder:"HOST:PORT" env:"BELFRY_METRICS_ADDR" help:"Serve /metrics, /healthz and /readyz there."`
	HTTP        string   `name:"http" default:"${http}" placeholder:"HOST:PORT" env:"BELFRY_HTTP" help:"Serve pages and the API there; \"\" does without. If the port of the default is taken, another is."`
	targets
	Quiet bool `short:"q" env:"BELFRY_QUIET" help:"Write no line per run."`
}

// Validate is called by kong, which finds neither of two that are embedded.
func (c *upCmd) Validate() error {
	return errors.Join(c.leadFlag.Validate(), c.slotFlags.Validate())
}

func (upCmd) Help() string {
	return "The log says where the pages are. The first Ctrl-C lets started runs finish and then stops; the second ends at once. Starting again goes on where it stopped.\n\n" +
		"Examples:\n\n    belfry up --jobs examples/jobs.yaml\n    belfry jobs          # in a second terminal\n    belfry explain backup"
}

// Run runs everything until it is interrupted.
func (c *upCmd) Run(ctx context.Context, s *session) error {
	if err := checkJobsPath(c.Jobs); err != nil {
		return err
	}
	r := role{Name: "up", CreateTopics: true, MetricsAddr: c.MetricsAddr}
	node, err := r.node(s, &connection{Brokers: []string{c.Listen}, Prefix: c.Prefix, Wait: upWait})
	if err != nil {
		return err
	}
	http := app.HTTPOptions{Addr: c.HTTP, AnyPort: c.HTTP == defaultHTTP}
	if c.HTTP != "" {
		if err := http.Check(); err != nil {
			return usageError(err)
		}
	}
	notices, err := c.load()
	if err != nil {
		return err
	}
	lines := newLines(s, c.Quiet)
	err = app.Up(ctx, app.UpOptions{
		Node: node,
		Dir:  c.Dir, Listen: c.Listen, Jobs: c.Jobs, Clusters: c.Clusters, SecretFolders: secretFolders(),
		Slots: c.Slots, RetrySlots: c.RetrySlots, Lead: c.Lead, Drain: c.Drain,
		OnListen: func(addrs []string) {
			s.log.Info("listening", "brokers", strings.Join(addrs, ","), "data", c.Dir)
		},
		OnSchedule: lines.scheduled, OnRun: lines.ran,
		HTTP: http, Who: keyboard(), Notices: notices,
		OnServe: func(url string) { s.log.Info("open this once; \"belfry open\" prints another", "pages", url) },
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return &exitError{exitFailed, fmt.Errorf("%w\n  Is another \"belfry up\" running? --listen chooses another address; "+
			"BELFRY_BROKERS tells it to the other commands.", err)}
	}
	return err
}

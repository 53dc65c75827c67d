package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/topic"
	testsite "github.com/belfry-cron/belfry/test/site"
)

// place is a temporary folder with a belfry in it, and its processes.
type place struct {
	testsite.Site
	ups int
}

func newPlace(ctx context.Context) (*place, error) {
	dir, err := os.MkdirTemp("", "belfry-bench-")
	if err != nil {
		return nil, err
	}
	bin, err := testsite.Binary(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &place{Site: testsite.Site{Bin: bin, Dir: dir, Env: append(os.Environ(), "BELFRY_LOG_LEVEL=warn")}}, nil
}

// leave ends all processes and removes the folder.
func (p *place) leave() {
	p.Stop()
	_ = os.RemoveAll(p.Dir) // a temporary one
}

// reach has the processes that are started from now on meet on a site.
func (p *place) reach(s *site) {
	p.Env = append(p.Env, "BELFRY_BROKERS="+s.brokers, "BELFRY_PREFIX="+s.names.Prefix)
	if login := s.kafka.SASL; login.Mechanism != "" {
		p.Env = append(p.Env, "BELFRY_SASL_MECHANISM="+login.Mechanism,
			"BELFRY_SASL_USER="+login.User, "BELFRY_SASL_PASSWORD_FILE="+login.PasswordFile)
	}
}

// up starts `belfry up` on an empty folder, and returns a site on its broker
// and the folder once it is ready.
func (p *place) up(ctx context.Context, args ...string) (s *site, data string, process *testsite.Process, err error) {
	p.ups++
	data = filepath.Join(p.Dir, fmt.Sprintf("data-%d", p.ups))
	listen, err := freeAddress()
	if err != nil {
		return nil, "", nil, err
	}
	metrics, err := freeAddress()
	if err != nil {
		return nil, "", nil, err
	}
	process, err = p.Up(append([]string{
		"--dir", data, "--listen", listen, "--metrics-addr", metrics, "--clusters", "cluster-a", "--quiet",
	}, args...)...)
	if err != nil {
		return nil, "", nil, err
	}
	s = &site{
		kafka: embeddedOptions([]string{listen}, filepath.Join(data, "secret")), brokers: listen,
		names: topic.Names{Prefix: topic.DefaultPrefix}, shards: shards,
	}
	if err := awaitReady(ctx, "http://"+metrics+"/readyz"); err != nil {
		return nil, "", nil, err
	}
	s.plain, err = s.kafka.Client(kgo.ProducerLinger(5 * time.Millisecond))
	return s, data, process, err
}

// everySecond is the i-th of the jobs that are due at each full second.
func everySecond(i int) job.Job {
	return job.Job{
		Name: fmt.Sprintf("tick-%d", i), Schedule: "* * * * * *", Seconds: true, Cluster: "cluster-a",
		Command: []string{"/bin/true"}, CatchUp: job.CatchUp{Policy: job.CatchUpAll, Window: time.Hour},
	}.WithDefaults()
}

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sys/unix"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

// role holds the settings that schedulers and workers share.
type role struct {
	Name         string `placeholder:"NAME" env:"BELFRY_NAME" help:"Name of this member: unique among those alive, and the same after a restart (default: made from the host's name)."`
	CreateTopics bool   `negatable:"" default:"true" env:"BELFRY_CREATE_TOPICS" help:"Make the topics that are missing."`
	Shards       int32  `placeholder:"N" env:"BELFRY_SHARDS" help:"Number of shards to make the topics with; it never changes afterwards (default 8)."`
	MetricsAddr  string `placeholder:"HOST:PORT" env:"BELFRY_METRICS_ADDR" help:"Serve /metrics, /healthz and /readyz there."`
	Quiet        bool   `short:"q" env:"BELFRY_QUIET" help:"Write no line per run."`
}

// node puts together what every role needs.
func (r *role) node(s *session, c *connection) (app.Node, error) {
	o, err := c.options(s)
	if err != nil {
		return app.Node{}, err
	}
	o.ClientID = "belfry-" + r.Name
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return app.Node{
		Name: r.Name, Host: hostname(), Version: currentVersion().Belfry, Zones: tzdata.Version(), Keeper: []string{"belfry", keeperWord},
		Kafka: o, Wait: c.Wait, Names: c.names(),
		CreateTopics: r.CreateTopics, Shards: r.Shards,
		MetricsAddr: r.MetricsAddr, Registry: registry, Log: s.log,
	}, nil
}

// claimName settles the member's name when none was given: base, or base-2,
// base-3 … when other processes of this host have taken those before. The
// name is held by a lock until the process ends, so a restart gets it back.
func (r *role) claimName(base string) (release func(), err error) {
	if r.Name != "" {
		return func() {}, nil
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("belfry-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("choosing a name: %w; --name chooses one without it", err)
	}
	const most = 1000
	for n := 1; n <= most; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		f, err := os.OpenFile(filepath.Join(dir, name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("choosing a name: %w; --name chooses one without it", err)
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			r.Name = name
			return func() { _ = f.Close() }, nil // its end frees the lock in any case
		}
		_ = f.Close() // nothing was written to it
	}
	return nil, fmt.Errorf("choosing a name: %d members run on this host already; give --name", most)
}

// checkJobsPath fails early when what is given as --jobs is not there.
func checkJobsPath(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return usageError(fmt.Errorf("--jobs: %w", err))
	}
	return nil
}

// leadFlag is how far ahead of time runs are staged.
type leadFlag struct {
	Lead time.Duration `default:"${lead=5s}" env:"BELFRY_LEAD" help:"How far ahead of their due time runs are put on their queue; 0 waits for the due time."`
}

// Validate is called by kong.
func (f *leadFlag) Validate() error {
	if f.Lead < 0 || f.Lead > shard.MaxLead {
		return fmt.Errorf("--lead %s: it is between 0 and %s", f.Lead, shard.MaxLead)
	}
	return nil
}

// slotFlags is how much a worker does at a time.
type slotFlags struct {
	Slots      int           `default:"${slots=8}" env:"BELFRY_SLOTS" help:"How many first attempts run at a time."`
	RetrySlots int           `default:"${retry_slots=2}" env:"BELFRY_RETRY_SLOTS" help:"How many retries run at a time, beside those."`
	Drain      time.Duration `default:"30s" env:"BELFRY_DRAIN" help:"How long started runs may go on when the worker is stopped."`
}

// Validate is called by kong.
func (f *slotFlags) Validate() error {
	if f.Slots < 0 || f.RetrySlots < 0 || f.Slots+f.RetrySlots == 0 {
		return fmt.Errorf("--slots %d and --retry-slots %d: neither may be negative, nor both be 0", f.Slots, f.RetrySlots)
	}
	return nil
}

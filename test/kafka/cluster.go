package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// startLimit is how long a cluster may take to listen: 10 s on two idle
// cores.
const startLimit = 2 * time.Minute

// Admin is the user who may do everything where there are Users.
const Admin = "admin"

// stopLimit is how long a broker may take to shut down.
const stopLimit = 2 * time.Minute

// Options says which cluster to start; the zero value is three brokers of the
// latest version in a temporary folder.
type Options struct {
	Version string // Latest or ZooKeeper
	Brokers int
	Dir     string // for data and logs; made if missing

	// Watched has every process show its figures to Prometheus: brokers by the
	// agent and rules of deploy/jmx, ZooKeepers by their own provider.
	Watched bool

	// Users, if there are any, must authenticate (SASL PLAIN without TLS, the
	// password is the name) and have only the rights that Admin grants. Only
	// without ZooKeeper.
	Users []string

	// Detach lets the processes outlive this one.
	Detach bool

	// DefaultTimeouts leaves the time after which a silent broker counts as
	// dead as Kafka has it: 9 s, 18 s with ZooKeeper. Else it is 6 s.
	DefaultTimeouts bool

	// Apart gives each broker a network namespace of its own, so that it can be
	// cut off. It needs root and iproute2, and does not go with Detach.
	Apart bool
}

// Cluster is a running Kafka cluster. Its methods are for one goroutine.
type Cluster struct {
	o     Options
	java  string
	jars  string
	agent string // what shows a broker's figures; empty: nothing
	nodes []*node
	procs *processes
	net   *network // nil unless Apart
}

// Start starts a cluster and returns once every broker answers. On an error
// nothing is left running, and Dir keeps the logs.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Version == "" {
		o.Version = Latest
	}
	if o.Brokers == 0 {
		o.Brokers = 3
	}
	c := &Cluster{o: o, procs: newProcesses(o.Detach)}
	if err := c.start(ctx); err != nil {
		c.Stop()
		return nil, fmt.Errorf("starting Kafka %s (logs in %s): %w", o.Version, c.o.Dir, err)
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	var err error
	if c.java, err = java(); err != nil {
		return err
	}
	if c.jars, err = Jars(ctx, c.o.Version); err != nil {
		return err
	}
	if c.o.Watched {
		if c.agent, err = Agent(ctx); err != nil {
			return err
		}
	}
	if c.o.Dir == "" {
		c.o.Dir, err = os.MkdirTemp("", "belfry-kafka-")
	} else if err = os.MkdirAll(c.o.Dir, 0o755); err == nil {
		c.o.Dir, err = filepath.Abs(c.o.Dir)
	}
	if err != nil {
		return err
	}
	if c.o.Apart {
		if c.net, err = newNetwork(ctx, c.o.Brokers, filepath.Join(c.o.Dir, "network.log")); err != nil {
			return err
		}
	}
	if c.nodes, err = plan(c.o, c.net); err != nil {
		return err
	}
	if c.o.Version != ZooKeeper {
		if err := c.format(ctx); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := c.run(n); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return c.Await(ctx)
}

// Run starts a cluster for one test and stops it at its end. It skips the
// test where Java or Maven is not installed, and keeps the logs of a failed
// one.
func Run(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), o)
	if errors.Is(err, ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		if t.Failed() {
			t.Logf("the logs of Kafka are kept in %s", c.o.Dir)
			return
		}
		if err := os.RemoveAll(c.o.Dir); err != nil {
			t.Errorf("removing the cluster's folder: %v", err)
		}
	})
	return c
}

// Brokers returns the addresses of all brokers, running or not.
func (c *Cluster) Brokers() []string {
	var addresses []string
	for _, n := range c.brokers() {
		addresses = append(addresses, n.address())
	}
	return addresses
}

// Exporters returns where brokers, and where ZooKeepers, show their figures, if
// the cluster is watched.
func (c *Cluster) Exporters() (brokers, keepers []string) {
	for _, n := range c.nodes {
		switch {
		case n.exporter == 0:
		case n.class == keeperClass:
			keepers = append(keepers, n.exporterAddress())
		default:
			brokers = append(brokers, n.exporterAddress())
		}
	}
	return brokers, keepers
}

// Version is that of the brokers.
func (c *Cluster) Version() string { return c.o.Version }

// Dir is where data and logs are.
func (c *Cluster) Dir() string { return c.o.Dir }

// Kill ends broker i (from 0) with SIGKILL and waits until it is gone.
func (c *Cluster) Kill(i int) error { return c.procs.kill(c.brokers()[i].name) }

// Freeze stops broker i with SIGSTOP: it neither answers nor closes anything.
func (c *Cluster) Freeze(i int) error {
	return c.procs.signal(c.brokers()[i].name, syscall.SIGSTOP)
}

// Thaw undoes Freeze.
func (c *Cluster) Thaw(i int) error { return c.procs.signal(c.brokers()[i].name, syscall.SIGCONT) }

// Cut has all packets from and to broker i dropped. It needs Options.Apart.
func (c *Cluster) Cut(ctx context.Context, i int) error { return c.net.cut(ctx, i) }

// Join undoes Cut.
func (c *Cluster) Join(ctx context.Context, i int) error { return c.net.join(ctx, i) }

// Terminate asks broker i to shut down and waits until it has, for at most
// two minutes.
func (c *Cluster) Terminate(i int) error { return c.procs.terminate(c.brokers()[i].name, stopLimit) }

// Resume starts broker i again on its data. It does not wait until it answers.
func (c *Cluster) Resume(i int) error { return c.run(c.brokers()[i]) }

// Restart starts broker i again on its data, killing it first if it runs, and
// returns once the cluster is whole.
func (c *Cluster) Restart(ctx context.Context, i int) error {
	n := c.brokers()[i]
	if c.procs.running(n.name) {
		if err := c.procs.kill(n.name); err != nil {
			return err
		}
	}
	if err := c.run(n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return c.Await(ctx)
}

// Stop ends every process at once. The folder stays.
func (c *Cluster) Stop() {
	c.procs.stop()
	if c.net != nil {
		c.net.stop()
	}
}

// Pids returns the process IDs by node name, those of ZooKeepers included.
func (c *Cluster) Pids() map[string]int { return c.procs.pids() }

func (c *Cluster) brokers() []*node { return c.nodes[len(c.nodes)-c.o.Brokers:] }

// format writes the cluster ID into every node's data folder.
func (c *Cluster) format(ctx context.Context) error {
	id, err := exec.CommandContext(ctx, c.java, "-XX:TieredStopAtLevel=1", "-cp", c.jars+"/*", "kafka.tools.StorageTool", "random-uuid").Output()
	if err != nil {
		return fmt.Errorf("choosing a cluster ID: %w", err)
	}
	cmds := make([]*exec.Cmd, 0, len(c.nodes))
	for _, n := range c.nodes {
		cmd := exec.CommandContext(ctx, c.java, "-XX:TieredStopAtLevel=1", "-cp", c.jars+"/*", "kafka.tools.StorageTool", "format",
			"-t", strings.TrimSpace(string(id)), "-c", n.file)
		if err := cmd.Start(); err != nil {
			return err
		}
		cmds = append(cmds, cmd)
	}
	var failed []error
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			failed = append(failed, fmt.Errorf("formatting the data folder of %s: %w", c.nodes[i].name, err))
		}
	}
	return errors.Join(failed...)
}

func (c *Cluster) run(n *node) error {
	args := []string{
		"-Xms64m", "-Xmx" + n.heap,
		"-Dlog4j.configuration=file:" + filepath.Join(n.dir, "log4j.properties"),
		"-Dlog4j2.configurationFile=" + filepath.Join(n.dir, "log4j.properties"),
	}
	if c.agent != "" && n.class != keeperClass {
		args = append(args, fmt.Sprintf(c.agent, n.exporterAddress()))
	}
	cmd := exec.Command(c.java, append(args, "-cp", c.jars+"/*", n.class, n.file)...)
	cmd.Dir = n.dir
	if n.space > 0 {
		cmd = within(n.space, cmd)
	}
	return c.procs.start(n.name, cmd, filepath.Join(n.dir, "process.log"))
}

// Await waits until every broker is known to the cluster.
func (c *Cluster) Await(ctx context.Context) error {
	opts := []kgo.Opt{kgo.SeedBrokers(c.Brokers()...), kgo.MetadataMinAge(50 * time.Millisecond)}
	if len(c.o.Users) > 0 {
		opts = append(opts, kgo.SASL(plain.Auth{User: Admin, Pass: Admin}.AsMechanism()))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for {
		asking, cancel := context.WithTimeout(ctx, 2*time.Second)
		brokers, err := adm.ListBrokers(asking)
		cancel()
		if err == nil && len(brokers) == c.o.Brokers {
			return nil
		}
		if name, exited := c.procs.exited(); exited {
			return fmt.Errorf("%s ended: see its process.log", name)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d brokers answer: %w", len(brokers), c.o.Brokers, errors.Join(ctx.Err(), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

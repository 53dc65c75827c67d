package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/broker"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/run"
)

// UpOptions says what runs when everything runs in one process. Node's
// brokers are replaced by the embedded one.
type UpOptions struct {
	Node

	// Dir holds the embedded broker's data, Listen is its address.
	Dir, Listen string

	// SecretFolders are where word is left for the other commands of the same
	// user where the broker's secret lies: in the first that will do.
	SecretFolders []string

	// Jobs is a job file or a folder of them that is kept in force; empty
	// leaves the jobs to others.
	Jobs string

	// Clusters get a worker each, and no others do. Empty means those that the
	// job files name and those that have jobs.
	Clusters          []string
	Slots, RetrySlots int
	Lead, Drain       time.Duration

	// OnListen is called once the broker accepts connections. OnSchedule and
	// OnRun see the events of the scheduler and the workers; they must not
	// block.
	OnListen   func(addrs []string)
	OnSchedule func(run.Event)
	OnRun      func(run.Event, run.Run)
}

// Up runs a broker, a scheduler and a worker for each cluster until ctx ends.
// Then the workers leave first, so that what they return and report is still
// heard, then the scheduler, then the broker.
func Up(ctx context.Context, o UpOptions) (err error) {
	st := &stack{log: o.Log}
	defer func() { err = errors.Join(err, st.close(o.Drain+stopMargin)) }()

	b, err := broker.Start(ctx, broker.Options{Dir: o.Dir, Listen: o.Listen, Registry: o.Registry, Log: o.Log})
	if err != nil {
		return unlessEnded(ctx, err)
	}
	st.push("broker", func(context.Context) error { return b.Close() })
	o.Kafka.Brokers = b.Addrs()
	o.Kafka.SASL = kafka.SASL{Mechanism: broker.Mechanism, User: broker.User, Password: b.Secret()}
	o.announce(st, b)
	o.OnListen(b.Addrs())

	clusters := o.firstClusters(ctx)
	n, err := o.open(ctx, st, clusters)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	n.health.begin("broker").observe(func(now time.Time) []ready.Reason {
		full, failing := b.Troubles()
		return ready.Broker{Accepting: b.Accepting(), Full: full, Failing: failing}.Reasons(now)
	})
	if clusters, err = withJobs(ctx, n.topics, clusters); err != nil {
		return unlessEnded(ctx, err)
	}
	n.startScheduler(ctx, SchedulerOptions{Lead: o.Lead, OnEvent: o.OnSchedule})
	w := &upWorkers{n: n, o: o, running: map[string]func(context.Context) error{}}
	st.push("workers", w.stop)
	if err := w.ensure(ctx, clusters); err != nil {
		return unlessEnded(ctx, err)
	}
	if o.Jobs != "" {
		n.watch(ctx, o.Jobs, w.ensure)
	}
	n.started()
	return n.roles.wait(ctx)
}

// announce lets the other commands of this user find the broker's secret.
// Without it they have to be told.
func (o *UpOptions) announce(st *stack, b *broker.Broker) {
	for _, addr := range b.Addrs() {
		withdraw, err := broker.Announce(o.SecretFolders, addr, b.SecretFile())
		if err != nil {
			o.Log.Warn("other commands must be told the secret of the broker", "error", err, "sasl_mechanism", broker.Mechanism,
				"sasl_user", broker.User, "sasl_password_file", b.SecretFile())
			continue
		}
		st.push("word of the secret", func(context.Context) error { return withdraw() })
	}
}

// EmbeddedSASL is how to authenticate to the embedded broker at addr, if one
// of this user left word of its secret in one of the folders; else nothing.
func EmbeddedSASL(folders []string, addr string) kafka.SASL {
	path, ok := broker.SecretFile(folders, addr)
	if !ok {
		return kafka.SASL{}
	}
	return kafka.SASL{Mechanism: broker.Mechanism, User: broker.User, PasswordFile: path}
}

// firstClusters are those asked for, else those the job files name. Files
// that cannot be read are the source's to report.
func (o *UpOptions) firstClusters(ctx context.Context) []string {
	if len(o.Clusters) > 0 {
		return o.Clusters
	}
	if o.Jobs != "" {
		if files, err := ReadFiles(ctx, o.Jobs); err == nil {
			if set, err := job.Parse(files); err == nil {
				return set.Clusters
			}
		}
	}
	return job.DefaultClusters()
}

// withJobs adds the clusters of the jobs in force.
func withJobs(ctx context.Context, t *query.Topics, clusters []string) ([]string, error) {
	jobs, err := t.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		clusters = append(clusters, j.Job.Cluster)
	}
	return slices.Compact(slices.Sorted(slices.Values(clusters))), nil
}

// upWorkers are the workers of an Up, one a cluster.
type upWorkers struct {
	n *opened
	o UpOptions

	mu      sync.Mutex
	running map[string]func(context.Context) error // what stops each
	stopped bool
}

// ensure makes the topics of the clusters that are new, and starts a worker for
// each of them that is to have one.
func (w *upWorkers) ensure(ctx context.Context, clusters []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	fresh := slices.DeleteFunc(slices.Clone(clusters), func(c string) bool { return w.running[c] != nil })
	if len(fresh) == 0 || w.stopped {
		return nil
	}
	if err := w.n.ensure(ctx, fresh); err != nil {
		return err
	}
	for _, c := range fresh {
		if len(w.o.Clusters) > 0 && !slices.Contains(w.o.Clusters, c) {
			w.n.Log.Info("no worker is started for a cluster that --clusters leaves out: its runs wait for others", "cluster", c)
			w.running[c] = func(context.Context) error { return nil }
			continue
		}
		wo := WorkerOptions{
			Cluster: c, Queues: []run.Queue{run.QueueRuns, run.QueueRetries},
			Slots: w.o.Slots, RetrySlots: w.o.RetrySlots, Drain: w.o.Drain, OnEvent: w.o.OnRun,
		}
		wo.Name = w.n.Name + "-" + c
		w.running[c] = w.n.runWorker(ctx, wo)
	}
	return nil
}

// stop lets all workers drain at the same time.
func (w *upWorkers) stop(limit context.Context) error {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	var all sync.WaitGroup
	failed := make(chan error, len(w.running))
	for _, stop := range w.running {
		all.Go(func() { failed <- stop(limit) })
	}
	all.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

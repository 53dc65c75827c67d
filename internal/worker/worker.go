package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// maxReports bounds the events that wait for Kafka; there are a few for
	// each run held, so it is never reached.
	maxReports = 100_000
	// reportLinger lets reports gather: a request of one record is as much work
	// for three brokers as one of many. Runs are announced longer than that
	// before they are due.
	reportLinger = 20 * time.Millisecond
	// leaveWait bounds leaving a consumer group, and the last flush of
	// outputs.
	leaveWait = 3 * time.Second
)

// ErrReplaced says that another process beats under this worker's name.
var ErrReplaced = errors.New("another worker has started under the same name: give each a name of its own")

// Runner runs one command to its end, as exec.Executor does: when ctx is
// cancelled it ends it and answers with state cancelled.
type Runner interface {
	Run(ctx context.Context, c exec.Command, out exec.Output) run.Outcome
}

// Options say what a worker is.
type Options struct {
	// Name is the worker's member ID. It must be unique among the living and
	// stay the same over restarts: it is part of the transactional IDs.
	Name                 string
	Host, Version, Zones string

	// Cluster and Queues are what it takes runs from; at most Slots of the
	// one queue and RetrySlots of the other run at a time.
	Cluster           string
	Queues            []run.Queue
	Slots, RetrySlots int

	// Drain is how long started runs may go on once ctx has ended.
	Drain time.Duration

	Kafka  kafka.Options
	Names  topic.Names
	Shards int32 // partitions of the events topic

	// Runner executes commands; nil means an exec.Executor with cgroups and,
	// if Keeper says how this program becomes one, a keeper.
	Runner Runner
	Keeper []string

	Registry prometheus.Registerer // nil: nobody looks
	Log      *slog.Logger          // nil discards it

	// OnEvent sees each report once it is in the log, and of which run it
	// is. Ready is called once, when every queue's group is joined. Neither
	// may block; either may be nil.
	OnEvent func(run.Event, run.Run)
	Ready   func()
	// Observe, if set, is called once, with what tells at any time how the
	// worker does.
	Observe func(func() ready.Worker)
}

func (o Options) withDefaults() Options {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("worker", o.Name)
	if o.OnEvent == nil {
		o.OnEvent = func(run.Event, run.Run) {}
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.Kafka.ClientID == "" {
		o.Kafka.ClientID = o.Name
	}
	return o
}

// worker is one life of a worker.
type worker struct {
	o           Options
	born        time.Time
	incarnation int64 // known once the members topic was read
	metrics     *metrics

	// beats, reports and outputs are clients of their own, so that none
	// waits behind the records of another.
	beats, reports, outputs *kgo.Client
	partitions              partitions
	codec                   topic.Codec

	// state belongs to the loop, which takes inputs and calls of the others.
	// It takes them in the order in which they were asked: an input that was
	// told before a call is known to it.
	state   *claim.State
	asks    chan ask
	stopped chan struct{} // closed when the loop has ended

	// running and starved belong to the loop too.
	running map[run.Key]context.CancelCauseFunc
	starved map[run.Queue]chan struct{}

	claimers map[run.Queue]*claimer
	retire   context.CancelCauseFunc // has this worker end
	nudge    chan struct{}           // asks for a beat soon
	beatSeq  atomic.Int64            // the latest beat sent
	beaten   atomic.Int64            // when the latest acknowledged one was sent, in mono ns
	hearing  hearing
	joined   atomic.Int32 // claimers that are in their groups
	runners  sync.WaitGroup
	facts    facts
	commands commands
}

// Run runs a worker until ctx ends; then it returns what it has not started,
// lets the rest finish within the drain time, ends what is left, reports and
// leaves. It fails if it cannot begin, or if Kafka does not take the last
// reports in time.
func Run(ctx context.Context, o Options) error {
	w, err := newWorker(o.withDefaults())
	if err != nil {
		return err
	}
	defer w.close()
	if w.o.Observe != nil {
		w.o.Observe(w.ready)
	}
	defer context.AfterFunc(ctx, func() { w.facts.leaving.Note(time.Now()) })()
	if w.o.Runner == nil {
		e := exec.New(exec.Options{
			Name: w.o.Name, Keeper: w.o.Keeper, Cgroup: true, Registry: w.o.Registry, Log: w.o.Log,
		})
		defer func() {
			if err := e.Close(); err != nil {
				w.o.Log.Warn("closing the executor", "error", err)
			}
		}()
		w.o.Runner = e
	}
	control, err := w.prepare(ctx)
	switch {
	case ctx.Err() != nil:
		return nil // asked to stop before there was anything to stop
	case err != nil:
		return fmt.Errorf("starting worker %s: %w", w.o.Name, err)
	}
	return w.live(ctx, control)
}

// prepare learns what has to be known before anything is claimed, and returns
// where to go on reading control.
func (w *worker) prepare(ctx context.Context) (control map[int32]int64, err error) {
	if err := w.partitions.learn(ctx, w.reports); err != nil {
		return nil, err
	}
	if err := w.readSelf(ctx); err != nil {
		return nil, err
	}
	return w.readControl(ctx)
}

func newWorker(o Options) (*worker, error) {
	for _, q := range o.Queues {
		if slots := o.slots(q); slots > claim.MaxSlots {
			return nil, fmt.Errorf("worker %s: %d slots for %s are more than one worker can have: give it at most %d, and run several workers",
				o.Name, slots, q, claim.MaxSlots)
		}
	}
	w := &worker{
		o:        o,
		born:     time.Now(),
		metrics:  newMetrics(o.Registry),
		codec:    topic.NewCodec(),
		state:    claim.New(claim.Config{Name: o.Name, Cluster: o.Cluster, Slots: o.Slots, RetrySlots: o.RetrySlots}),
		asks:     make(chan ask, 256),
		stopped:  make(chan struct{}),
		running:  map[run.Key]context.CancelCauseFunc{},
		starved:  map[run.Queue]chan struct{}{},
		claimers: map[run.Queue]*claimer{},
		nudge:    make(chan struct{}, 1),
		hearing:  hearing{soon: make(chan struct{}, 1)},
	}
	w.partitions = partitions{output: o.Names.Output(o.Cluster), dead: o.Names.DeadOf(o.Cluster), control: o.Names.Control()}
	w.expose()
	for _, q := range o.Queues {
		// Without slots, partitions would be owned and never read.
		if slots := o.slots(q); slots > 0 {
			w.claimers[q] = &claimer{w: w, queue: q, topic: queueTopic(o, q)}
			w.metrics.slots.WithLabelValues(string(q)).Set(float64(slots))
		}
	}
	if len(w.claimers) == 0 {
		return nil, fmt.Errorf("worker %s has no slots for any of its queues %v", o.Name, o.Queues)
	}
	var errs [3]error
	w.beats, errs[0] = o.Kafka.Client()
	w.reports, errs[1] = o.Kafka.Client(kgo.MaxBufferedRecords(maxReports), kgo.ProducerLinger(reportLinger))
	w.outputs, errs[2] = o.Kafka.Client(outputLimits()...)
	if err := errors.Join(errs[:]...); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (o *Options) slots(q run.Queue) int {
	if q == run.QueueRetries {
		return o.RetrySlots
	}
	return o.Slots
}

func queueTopic(o Options, q run.Queue) string {
	if q == run.QueueRetries {
		return o.Names.Retries(o.Cluster)
	}
	return o.Names.Runs(o.Cluster)
}

// live starts the roles and stops them in turn: claimers leave their groups
// as soon as ctx ends or our name is taken, the others when the loop has
// nothing left to do.
func (w *worker) live(ctx context.Context, control map[int32]int64) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ctx, w.retire = context.WithCancelCause(ctx)
	defer w.retire(nil)
	var roles, claimers sync.WaitGroup
	roles.Go(func() { w.beat(background) })
	roles.Go(func() { w.followControl(background, control) })
	roles.Go(func() { w.lookUpControl(background) })
	roles.Go(func() { w.partitions.follow(background, w.reports) })
	for _, c := range w.claimers {
		claimers.Go(func() { c.run(ctx) })
	}
	err := w.loop(ctx)
	w.runners.Wait()
	claimers.Wait()
	stop()
	roles.Wait()
	if errors.Is(context.Cause(ctx), ErrReplaced) {
		return errors.Join(fmt.Errorf("worker %s: %w", w.o.Name, ErrReplaced), err)
	}
	w.farewell()
	return err
}

func (w *worker) close() {
	flush, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	if w.outputs != nil {
		if err := w.outputs.Flush(flush); err != nil {
			w.o.Log.Warn("some output was not written", "error", err)
		}
	}
	for _, cl := range []*kgo.Client{w.beats, w.reports, w.outputs} {
		if cl != nil {
			cl.Close()
		}
	}
}

// mono counts from the worker's birth by the monotonic clock.
func (w *worker) mono() time.Duration { return time.Since(w.born) }

// now reads both clocks.
func (w *worker) now() claim.Now {
	return claim.Now{Wall: time.Now().Round(0), Mono: w.mono()}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
	"github.com/belfry-cron/belfry/test/site"
)

const (
	cluster = "cluster-a"
	// warmUp is not judged: the first half minute of a cold Kafka, when
	// transactions take seconds.
	warmUp = 30 * time.Second
	// settle bounds the wait for the last runs to end.
	settle = 5 * time.Minute
	// leaveLimit is how long a member may take to leave.
	leaveLimit = 45 * time.Second
)

// world is everything that a soak started.
type world struct {
	o       options
	dir     string
	journal string
	dice    *rand.Rand
	brokers *kafkatest.Cluster
	site    *site.Site
	kafka   kafka.Options
	names   topic.Names
	members map[string]*site.Process

	faults []fault
	edits  int
	grown  map[string]int
	marks  []mark // what people did

	mu     sync.Mutex
	ledger site.Ledger
	long   run.ID // a run that may be cancelled
}

// mark is something people did, for the timeline.
type mark struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

func newWorld(ctx context.Context, dir string, o options) (*world, error) {
	w := &world{
		o: o, dir: dir, journal: filepath.Join(dir, "journal"), dice: rand.New(rand.NewPCG(o.seed, 0)),
		names: topic.Names{Prefix: "soak."}, members: map[string]*site.Process{},
		grown: map[string]int{"runs": 3, "retries": 3},
	}
	bin, err := site.Binary(ctx, dir)
	if err != nil {
		return nil, err
	}
	w.site = &site.Site{Bin: bin, Dir: dir}
	w.brokers, err = kafkatest.Start(ctx, kafkatest.Options{Version: o.version, Dir: filepath.Join(dir, "kafka")})
	if err != nil {
		return nil, err
	}
	w.kafka = kafka.Options{Brokers: w.brokers.Brokers()}
	w.site.Env = append(os.Environ(), "BELFRY_BROKERS="+strings.Join(w.kafka.Brokers, ","), "BELFRY_PREFIX="+w.names.Prefix,
		"BELFRY_WAIT=30s", "BELFRY_QUIET=true", "BELFRY_LOG_FORMAT=text")
	if err := w.begin(ctx); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

// begin starts the members and puts the jobs into force.
func (w *world) begin(ctx context.Context) error {
	if _, err := w.site.Run(ctx, "topics", "create"); err != nil {
		return err
	}
	for _, name := range []string{"scheduler-1", "scheduler-2", "worker-1", "worker-2", "worker-3"} {
		if err := w.start(name); err != nil {
			return err
		}
	}
	if err := w.apply(ctx, "steady.yaml", steady(w.o.rate, w.journal)); err != nil {
		return err
	}
	return w.apply(ctx, "changing.yaml", changing(0, w.journal))
}

func (w *world) start(name string) (err error) {
	args := []string{"scheduler"}
	if strings.HasPrefix(name, "worker") {
		// Slots are for waiting, not for computing: slow and long runs hold
		// a dozen of them.
		args = []string{"worker", "--cluster", cluster, "--slots", "48", "--retry-slots", "8", "--drain", "20s"}
	}
	w.members[name], err = w.site.Start(name, args...)
	return err
}

func (w *world) apply(ctx context.Context, file, yaml string) error {
	path := filepath.Join(w.dir, file)
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return err
	}
	_, err := w.site.Run(ctx, "apply", "-f", path, "--prune")
	return err
}

// stop ends everything that was started, commands of killed workers included.
func (w *world) stop() {
	w.site.Stop()
	w.brokers.Stop()
	reap(w.journal)
}

// reap ends the commands that lost their worker: they know the journal.
func reap(journal string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err == nil && bytes.Contains(env, []byte("JOURNAL="+journal+"\x00")) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is as good
		}
	}
}

// live lets load, faults and changes go on for as long as was asked, waits
// until all has settled, stops the members and gathers the evidence.
func (w *world) live(ctx context.Context) (check.Evidence, error) {
	following, stop := context.WithCancel(ctx)
	defer stop()
	go w.follow(following)
	say("warming up for %s", warmUp)
	if err := wait(ctx, warmUp); err != nil {
		return check.Evidence{}, err
	}
	from := time.Now().UTC().Round(0)
	var people sync.WaitGroup
	people.Go(func() { w.disturb(following) })
	err := w.faultsUntil(ctx, from, from.Add(w.o.span))
	if err == nil {
		err = wait(ctx, time.Until(from.Add(w.o.span)))
	}
	until := time.Now().UTC().Round(0)
	if err == nil {
		say("settling")
		err = w.settle(ctx, until)
	}
	stop()
	people.Wait()
	if err != nil {
		return check.Evidence{}, err
	}
	if err := w.leave(); err != nil {
		return check.Evidence{}, err
	}
	return w.evidence(ctx, from, until)
}

// follow folds the ledger as it is written, to know what is unfinished.
func (w *world) follow(ctx context.Context) {
	err := kafka.Follow(ctx, w.kafka, w.names.Events(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		ev, err := topic.DecodeEvent(r.Value)
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ledger.Observe(&ev)
		if ev.Type == run.EventStarting && strings.HasPrefix(ev.Job, "long-") {
			w.long = ev.Run
		}
		return nil
	})
	if ctx.Err() == nil {
		say("following the ledger ended: %v", err)
	}
}

// settle waits until what was handed out by an instant has ended. What has
// not by then, the judge will name.
func (w *world) settle(ctx context.Context, until time.Time) error {
	limit := time.Now().Add(settle)
	for time.Now().Before(limit) {
		w.mu.Lock()
		open := w.ledger.Open(until)
		w.mu.Unlock()
		if open == 0 {
			return nil
		}
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// leave stops workers first, so that their last words are still acted on.
func (w *world) leave() error {
	var errs []error
	for _, name := range []string{"worker-1", "worker-2", "worker-3", "scheduler-1", "scheduler-2"} {
		errs = append(errs, w.members[name].Leave(leaveLimit))
	}
	return errors.Join(errs...)
}

func (w *world) evidence(ctx context.Context, from, until time.Time) (check.Evidence, error) {
	say("gathering the evidence")
	e, err := site.Collect(site.Read(ctx, w.kafka), w.names, []string{cluster})
	if err != nil {
		return e, err
	}
	e.From, e.Until = from, until
	if e.Lines, err = site.Journal(w.journal, w.site.Names()); err != nil {
		return e, err
	}
	e.Limits = check.Limits{
		// Half of what is due must have been started for the rest to count.
		MinStarts: w.o.rate * int(w.o.span/time.Second) / 2,
		Skew:      100 * time.Millisecond, Late: w.o.late, Kill: 15 * time.Second,
	}
	for _, f := range w.faults {
		e.Faults = append(e.Faults, check.Fault{Name: f.Name, From: f.From, Until: f.Until.Add(afterwards), Landed: f.landed(&e)})
	}
	return e, nil
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case <-time.After(d):
		return nil
	}
}

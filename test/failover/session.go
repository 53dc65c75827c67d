package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
	"github.com/belfry-cron/belfry/test/site"
)

const (
	cluster = "cluster-a"
	// rest is how long after partitions were led as they should be, and after
	// a broker is back, the load goes on before the next thing is done.
	rest = 10 * time.Second
	// memberAway is how long a killed member is away.
	memberAway = 10 * time.Second
	// settle bounds the wait for the last runs to end.
	settle = 5 * time.Minute
	// leaveLimit is how long a member may take to leave.
	leaveLimit = 45 * time.Second
)

// members are those of a session: workers first, the order in which they leave.
func members() []string {
	return []string{"worker-1", "worker-2", "worker-3", "scheduler-1", "scheduler-2"}
}

// session is one life of a Belfry, with topics and logs of its own, on a Kafka
// that lives longer. Its evidence is judged at its end.
type session struct {
	o        options
	kind     kind
	dir      string
	journal  string
	brokers  *kafkatest.Cluster
	overseer *overseer
	site     *site.Site
	kafka    kafka.Options
	names    topic.Names
	members  map[string]*site.Process
	strikes  []*strike
	deeds    []deed

	mu     sync.Mutex
	ledger site.Ledger
}

// begin starts the members and puts the jobs into force.
func (s *session) begin(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if _, err := s.site.Run(ctx, "topics", "create"); err != nil {
		return err
	}
	for _, name := range members() {
		if err := s.start(name); err != nil {
			return err
		}
	}
	if err := s.apply(ctx, "steady.yaml", steady(s.o.rate, s.journal)); err != nil {
		return err
	}
	return s.apply(ctx, "changing.yaml", changing(0, s.journal))
}

func (s *session) start(name string) (err error) {
	args := append([]string{"scheduler"}, s.o.scheduler...)
	if strings.HasPrefix(name, "worker") {
		args = []string{"worker", "--cluster", cluster, "--slots", "48", "--retry-slots", "8"}
	}
	s.members[name], err = s.site.Start(name, args...)
	return err
}

func (s *session) apply(ctx context.Context, file, yaml string) error {
	path := filepath.Join(s.dir, file)
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return err
	}
	_, err := s.site.Run(ctx, "apply", "-f", path, "--prune")
	return err
}

// live has the load go on while one broker after the other is struck, waits
// until all has settled, and gathers the evidence.
func (s *session) live(ctx context.Context, round int) (check.Evidence, error) {
	following, stop := context.WithCancel(ctx)
	var ledger, people sync.WaitGroup
	defer ledger.Wait()
	defer stop()
	ledger.Go(func() { s.follow(following) })
	say("warming up for %s", s.o.warm)
	if err := wait(ctx, s.o.warm); err != nil {
		return check.Evidence{}, err
	}
	from := now()
	disturbed, calm := context.WithCancel(ctx)
	people.Go(func() { s.disturb(disturbed) })
	err := s.strikeAll(ctx, round)
	calm()
	people.Wait()
	if err != nil {
		return check.Evidence{}, err
	}
	until := now()
	if err := s.settle(ctx, until); err != nil {
		return check.Evidence{}, err
	}
	if err := s.leave(); err != nil {
		return check.Evidence{}, err
	}
	return s.evidence(ctx, from, until)
}

// follow folds the ledger as it is written, so that unfinished runs are known.
func (s *session) follow(ctx context.Context) {
	err := kafka.Follow(ctx, s.kafka, s.names.Events(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		ev, err := topic.DecodeEvent(r.Value)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ledger.Observe(&ev)
		return nil
	})
	if ctx.Err() == nil {
		say("following the ledger ended: %v", err)
	}
}

func (s *session) open(at time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.Open(at)
}

// settle waits until all runs handed out by an instant have ended, and no longer
// than its limit: the judge names the rest.
func (s *session) settle(ctx context.Context, until time.Time) error {
	say("waiting for the last runs")
	for limit := time.Now().Add(settle); s.open(until) > 0 && time.Now().Before(limit); {
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) leave() error {
	var errs []error
	for _, name := range members() {
		errs = append(errs, s.members[name].Leave(leaveLimit))
	}
	return errors.Join(errs...)
}

func (s *session) evidence(ctx context.Context, from, until time.Time) (check.Evidence, error) {
	e, err := site.Collect(site.Read(ctx, s.kafka), s.names, []string{cluster})
	if err != nil {
		return e, err
	}
	e.From, e.Until = from, until
	if e.Lines, err = site.Journal(s.journal, s.site.Names()); err != nil {
		return e, err
	}
	e.Limits = check.Limits{
		// Half of what is due must have been started for the rest to count.
		MinStarts: s.o.rate * int(until.Sub(from)/time.Second) / 2,
		Skew:      100 * time.Millisecond, Kill: 15 * time.Second,
	}
	for _, k := range s.strikes {
		e.Faults = append(e.Faults, check.Fault{Name: k.name(), From: k.At, Until: k.End, Landed: k.landed})
	}
	return e, nil
}

// stop ends everything of the session, commands of killed workers included.
func (s *session) stop() {
	s.site.Stop()
	reap(s.journal)
}

// reap ends the commands that lost their worker. Their environment names the
// journal.
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

// newSession lays a session out; begin starts it.
func newSession(b *on, k kind, round int) *session {
	name := fmt.Sprintf("%s-%d", k.name, round)
	s := &session{
		o: b.o, kind: k, dir: filepath.Join(b.dir, name), brokers: b.brokers, overseer: b.overseer, kafka: b.kafka,
		names: topic.Names{Prefix: strings.ReplaceAll(name, "+", "-") + "."}, members: map[string]*site.Process{},
	}
	s.journal = filepath.Join(s.dir, "journal")
	s.site = &site.Site{Bin: b.bin, Dir: s.dir, Env: append(os.Environ(),
		"BELFRY_BROKERS="+strings.Join(b.kafka.Brokers, ","), "BELFRY_PREFIX="+s.names.Prefix,
		"BELFRY_WAIT=30s", "BELFRY_QUIET=true", "BELFRY_LOG_FORMAT=json")}
	return s
}

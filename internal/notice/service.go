package notice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Options configure a service. Name is who writes what became of notices.
type Options struct {
	Name     string
	Kafka    kafka.Options
	Names    topic.Names
	Settings Settings
	Registry prometheus.Registerer
	Log      *slog.Logger
}

// Service delivers notices as a member of the servers' group.
type Service struct {
	o       Options
	sender  sender
	outbox  map[string]*outbox
	metrics *metrics
}

// Info says what others may know of a target: its host, not its address.
type Info struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	Host string `json:"host"`
}

// metrics are what a service tells Prometheus. Targets are those of the
// settings.
type metrics struct {
	delivered, failed, givenUp *prometheus.CounterVec
	unreadable                 prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"target"})
	}
	m := &metrics{
		delivered: vec("belfry_notices_delivered_total", "Notices that a target took."),
		failed:    vec("belfry_notices_failed_tries_total", "Messages that a target did not take, and that are tried again."),
		givenUp:   vec("belfry_notices_given_up_total", "Notices that a target never took."),
		unreadable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "belfry_notices_unreadable_total", Help: "Records of the topic of notices that could not be read.",
		}),
	}
	reg.MustRegister(m.delivered, m.failed, m.givenUp, m.unreadable)
	return m
}

// New returns a service that does nothing yet.
func New(o Options) *Service { return newService(o, usualPace()) }

func newService(o Options, p pace) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	s := &Service{o: o, sender: newSender(o.Settings, p.answer), outbox: map[string]*outbox{}, metrics: newMetrics(o.Registry)}
	for name, t := range o.Settings.Targets {
		s.outbox[name] = &outbox{
			target: t, hosts: o.Settings.AllowedHosts, prefix: o.Names.Prefix, sender: s.sender, metrics: s.metrics, pace: p,
			news: make(chan struct{}, 1),
		}
	}
	return s
}

// Targets lists the targets by name.
func (s *Service) Targets() []Info {
	var all []Info
	for _, b := range s.outbox {
		all = append(all, Info{Name: b.target.Name, Kind: b.target.Kind, Host: b.target.URL.Host})
	}
	slices.SortFunc(all, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// NoTargetError says that the settings name no such target.
type NoTargetError struct {
	Name  string
	Known []string
}

func (e *NoTargetError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("there is no target %q: the server's settings name none", e.Name)
	}
	return fmt.Sprintf("there is no target %q; there are %s", e.Name, strings.Join(e.Known, ", "))
}

// Test tells a target that it is a test, once and now. It returns a
// NoTargetError, or what the target answered. With PagerDuty it opens an
// incident and closes it.
func (s *Service) Test(ctx context.Context, name string) error {
	b := s.outbox[name]
	if b == nil {
		e := &NoTargetError{Name: name}
		for _, t := range s.Targets() {
			e.Known = append(e.Known, t.Name)
		}
		return e
	}
	now := time.Now().UTC()
	incident := run.NoticeID("test", s.o.Name, name, now.Format(time.RFC3339Nano))
	n := run.Notice{
		Type: run.NoticeTold, ID: incident, Job: "belfry", At: now, By: s.o.Name, To: []string{name},
		When: run.WhenTest, Incident: incident,
	}
	over := n
	over.ID, over.When, over.Incident, over.Closes = run.NoticeID("test over", incident), job.WhenRecovered, "", []string{incident}
	told := []run.Notice{n}
	if b.target.Kind == KindPagerDuty {
		told = append(told, over)
	}
	for _, n := range told {
		if err := b.try(ctx, []*item{{notice: n}}); err != nil {
			return fmt.Errorf("target %s: %w", name, err)
		}
	}
	return nil
}

// Run delivers until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	d := &delivery{Service: s, partitions: map[int32]*partition{}, settled: map[string]bool{}}
	cl, err := s.o.Kafka.Client(
		kgo.ConsumerGroup(s.o.Names.NoticesGroup()), kgo.ConsumeTopics(s.o.Names.Notices()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.OnPartitionsRevoked(d.revoked), kgo.OnPartitionsLost(d.revoked), kgo.BlockRebalanceOnPoll(),
	)
	if err != nil {
		return fmt.Errorf("delivering notices: %w", err)
	}
	d.cl = cl
	defer cl.Close()
	defer d.writing.Wait()
	var telling sync.WaitGroup
	defer telling.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for _, b := range s.outbox {
		telling.Go(func() { b.run(ctx) })
	}
	return d.follow(ctx)
}

var errNoTarget = errors.New("no server knows a target of that name: add it to their settings")

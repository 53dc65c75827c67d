package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// DefaultLead is how far ahead of their due time runs are staged.
const DefaultLead = 5 * time.Second

// ErrReplaced says that a newer process beats under this scheduler's name.
var ErrReplaced = errors.New("a newer scheduler of the same name has taken over")

// Options configure a scheduler. Name must be unique among living members.
type Options struct {
	Name, Host, Version, Zones string
	Kafka                      kafka.Options
	Names                      topic.Names
	Shards                     int32

	// CreateTopics lets the scheduler make the queues of a cluster that a
	// job names for the first time.
	CreateTopics bool

	// Lead is how far ahead runs are staged; zero stages at the due time.
	Lead time.Duration

	Registry prometheus.Registerer
	Log      *slog.Logger

	// OnEvent, if set, is called with each committed event of the shards.
	OnEvent func(run.Event)
	// Ready, if set, is called once: when this scheduler first owns all the
	// shards that the log of beats gives it.
	Ready func()
	// Observe, if set, is called once, with what tells at any time how the
	// scheduler does.
	Observe func(func() ready.Scheduler)
}

// scheduler is one running scheduler.
type scheduler struct {
	o           Options
	born        time.Time
	incarnation int64 // known once the members topic was read
	metrics     *metrics
	plain       *kgo.Client
	queues      *queues
	controls    int32 // partitions of control
	codec       topic.Codec
	// owned are the shards that the next beat lists as ours.
	owned atomic.Pointer[[]int32]
	facts facts
}

// Run schedules until ctx ends, then gives its shards up and says goodbye.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	o.Log = o.Log.With("scheduler", o.Name)
	plain, err := o.Kafka.Client()
	if err != nil {
		return fmt.Errorf("scheduler %s: %w", o.Name, err)
	}
	defer plain.Close()
	s := &scheduler{
		o: o, born: time.Now(), metrics: newMetrics(o.Registry), plain: plain,
		queues: newQueues(plain, o), codec: topic.NewCodec(),
	}
	s.owned.Store(&[]int32{})
	s.expose()
	if o.Observe != nil {
		o.Observe(s.ready)
	}
	defer context.AfterFunc(ctx, func() { s.facts.leaving.Note(time.Now()) })()
	return s.run(ctx)
}

func (s *scheduler) run(ctx context.Context) error {
	w := newWatcher(s)
	next, err := w.catchUp(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("scheduler %s: reading the members: %w", s.o.Name, err)
	}
	if s.controls, err = s.queues.count(ctx, s.o.Names.Control()); err != nil {
		return fmt.Errorf("scheduler %s: %w", s.o.Name, err)
	}
	s.incarnation = w.view.Incarnation(s.o.Name, s.born)
	beats := make(chan struct{})
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(beats)
		s.beat(beating)
	}()
	err = w.watch(ctx, next)
	stopBeating()
	<-beats
	s.farewell()
	return err
}

// self is the beat this scheduler sends.
func (s *scheduler) self(seq int64) member.Beat {
	closed, more := s.closed()
	return member.Beat{
		ID: s.o.Name, Role: member.RoleScheduler, Incarnation: s.incarnation, Seq: seq,
		At: time.Now().UTC(), Host: s.o.Host, Version: s.o.Version, Zones: s.o.Zones,
		StartedAt: s.born.UTC().Round(0), Shards: *s.owned.Load(),
		Closed: closed, ClosedMore: more,
	}
}

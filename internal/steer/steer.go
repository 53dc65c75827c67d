package steer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Steer changes what is in force.
type Steer struct {
	topics *query.Topics
	ensure func(ctx context.Context, clusters []string) error
	job    func(ctx context.Context, name string) (topic.Job, error)
	now    func() time.Time
	asked  *recent

	mu      sync.Mutex
	editing map[int32]chan struct{} // holds a token while a shard's job is edited
}

// Options say what a Steer works on.
type Options struct {
	Topics *query.Topics
	// Ensure makes the topics of clusters that are missing, before a job of them
	// is written; nil leaves that to others.
	Ensure func(ctx context.Context, clusters []string) error
	// Job returns the job in force under a name, or a *query.NoJobError: whose
	// scope is asked before a request is sent. Topics.Job, if nil.
	Job func(ctx context.Context, name string) (topic.Job, error)
	// Now tells the time: time.Now, if nil.
	Now func() time.Time
}

// New returns a Steer.
func New(o Options) *Steer {
	s := &Steer{
		topics: o.Topics, ensure: o.Ensure, job: o.Job, now: o.Now,
		asked: newRecent(), editing: map[int32]chan struct{}{},
	}
	if s.job == nil {
		s.job = o.Topics.Job
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// allowed returns nil if the principal may operate the job that is in force
// under that name.
func (s *Steer) allowed(ctx context.Context, who access.Principal, name string) error {
	if err := who.May(access.Operator); err != nil {
		return err
	}
	j, err := s.job(ctx, name)
	if err != nil {
		return err
	}
	return who.MayWith(access.Operator, name, j.Job.Cluster, j.Job.Labels)
}

// write produces records, in order where they share a partition, and returns
// once all are acknowledged.
func (s *Steer) write(ctx context.Context, records ...*kgo.Record) error {
	for _, result := range s.topics.Client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			return unwritten(result.Record, result.Err)
		}
	}
	return nil
}

// unwritten says which record was not acknowledged.
func unwritten(r *kgo.Record, err error) error {
	if kafka.Classify(err) == kafka.ClassTopicGone {
		return fmt.Errorf("writing %s: topic %s does not exist; \"belfry topics create\" makes it: %w", r.Key, r.Topic, err)
	}
	return fmt.Errorf("writing %s to topic %s: %w", r.Key, r.Topic, err)
}

// instant is now, as records hold it.
func (s *Steer) instant() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

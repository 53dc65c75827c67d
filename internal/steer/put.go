package steer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// editTries is how often an edit begins again after another editor of the
	// same shard fenced it.
	editTries = 8
	// editPause is the longest wait before the second try; it doubles.
	editPause = 50 * time.Millisecond
)

// Put is what became of a job that was put.
type Put struct {
	// Version is that of the job now in force (job.Job.Digest).
	Version string
	Created bool
	// Fields are the names of those that changed, as they are written in files.
	Fields []string
}

// PutJob puts a job into force if the version in force is seen. A job that is in
// force as it is stays, and nothing is written. It returns an *InvalidError, a
// *VersionError, an *UnsureError or an *access.DeniedError.
func (s *Steer) PutJob(ctx context.Context, who access.Principal, j job.Job, seen string) (Put, error) {
	if err := who.May(access.Editor); err != nil {
		return Put{}, err
	}
	j = j.WithDefaults()
	if problems := j.Validate(); len(problems) > 0 {
		return Put{}, &InvalidError{j.Name, problems}
	}
	if s.ensure != nil {
		if err := s.ensure(ctx, []string{j.Cluster}); err != nil {
			return Put{}, err
		}
	}
	var put Put
	err := s.edit(ctx, who, j.Name, seen, func(have *topic.Job) *Change {
		put = Put{Version: j.Digest(), Created: have == nil}
		c := &Change{Kind: Added, Name: j.Name, Job: j}
		if have != nil {
			put.Fields = differing(have.Job, j)
			c.Kind, c.Fields, c.before = Changed, put.Fields, &have.Job
		}
		return c
	})
	return put, err
}

// DeleteJob takes a job out of force if the version in force is seen. It returns
// a *query.NoJobError, a *VersionError, an *UnsureError or an
// *access.DeniedError.
func (s *Steer) DeleteJob(ctx context.Context, who access.Principal, name, seen string) error {
	if err := who.May(access.Editor); err != nil {
		return err
	}
	return s.edit(ctx, who, name, seen, func(have *topic.Job) *Change {
		if have == nil {
			return nil
		}
		return &Change{Kind: Removed, Name: name, Job: have.Job, before: &have.Job}
	})
}

// edit changes one job that still has the version that was seen. Of no change
// it makes a *query.NoJobError.
func (s *Steer) edit(ctx context.Context, who access.Principal, name, seen string, change func(have *topic.Job) *Change) error {
	shard := topic.Partition(name, s.topics.Shards)
	release, err := s.holdShard(ctx, shard)
	if err != nil {
		return err
	}
	defer release()
	e := &edit{s: s, who: who, name: name, seen: seen, shard: shard, at: s.instant(), change: change}
	wait := editPause
	for range editTries {
		if err = e.try(ctx); kafka.Classify(err) != kafka.ClassFenced {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(wait)):
			wait *= 2
		}
	}
	return fmt.Errorf("changing job %s: others change jobs of its shard all the time: %w", name, err)
}

// holdShard lets the editors of a shard in this process take turns: they would
// only fence each other.
func (s *Steer) holdShard(ctx context.Context, shard int32) (release func(), err error) {
	s.mu.Lock()
	turn, ok := s.editing[shard]
	if !ok {
		turn = make(chan struct{}, 1)
		s.editing[shard] = turn
	}
	s.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// edit is one change of one job.
type edit struct {
	s          *Steer
	who        access.Principal
	name, seen string
	shard      int32
	at         time.Time
	change     func(have *topic.Job) *Change
	// made is the version that the last try wanted in force.
	made string
}

// try fences all other editors of the shard, looks at the job, and commits its
// change. If it is fenced itself, nothing was changed.
func (e *edit) try(ctx context.Context) error {
	id := e.s.topics.Names.Prefix + "editor." + strconv.Itoa(int(e.shard))
	cl, err := e.s.topics.Kafka.Transactional(id)
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, _, err := cl.ProducerID(ctx); err != nil {
		return fmt.Errorf("becoming the editor of shard %d: %w", e.shard, err)
	}
	have, err := e.look(ctx)
	if err != nil {
		return err
	}
	c := e.change(have)
	if c == nil {
		return &query.NoJobError{Job: e.name}
	}
	if err := c.mayBeMadeBy(e.who); err != nil {
		return err
	}
	if done, err := e.check(have); done || err != nil {
		return err
	}
	if c.before != nil && c.Kind != Removed && same(*c.before, c.Job) {
		return nil
	}
	records, err := e.s.records(e.who, e.at, c)
	if err != nil {
		return err
	}
	e.made = NoVersion
	if c.Kind != Removed {
		e.made = c.Job.Digest()
	}
	return e.commit(ctx, cl, records)
}

// look returns the job in force, or nil.
func (e *edit) look(ctx context.Context) (*topic.Job, error) {
	have, err := e.s.topics.Job(ctx, e.name)
	switch {
	case errors.As(err, new(*query.NoJobError)):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &have, nil
}

// check compares what is in force with what was seen. It is done if what is in
// force is what an earlier try, fenced at its end, wrote after all.
func (e *edit) check(have *topic.Job) (done bool, err error) {
	inForce, by := NoVersion, ""
	if have != nil {
		inForce, by = have.Job.Digest(), have.AppliedBy
		if inForce == e.made && have.AppliedAt.Equal(e.at) && by == e.who.Name {
			return true, nil
		}
	}
	if e.seen != AnyVersion && e.seen != inForce {
		return false, &VersionError{Job: e.name, Seen: e.seen, InForce: inForce, By: by}
	}
	return false, nil
}

// commit writes all records or none.
func (e *edit) commit(ctx context.Context, cl *kgo.Client, records []*kgo.Record) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	for _, result := range cl.ProduceSync(ctx, records...) {
		if result.Err == nil {
			continue
		}
		// The next editor aborts what is left open.
		_ = cl.EndTransaction(context.WithoutCancel(ctx), kgo.TryAbort)
		return unwritten(result.Record, result.Err)
	}
	err := cl.EndTransaction(context.WithoutCancel(ctx), kgo.TryCommit)
	if err != nil && kafka.Classify(err) != kafka.ClassFenced {
		return &UnsureError{e.name, err}
	}
	return err
}

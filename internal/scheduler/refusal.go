package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// maxAside bounds the jobs of a shard that are set aside; beyond it the
	// oldest is tried once more.
	maxAside = 1000
	// tryClosedAgain is how long a cluster stays closed whose topics may not be
	// written: rights are given while we run.
	tryClosedAgain = time.Minute
)

// refusedError says that Kafka took one record of a transaction for what it
// is, and did not take it. The same decision would fail again.
type refusedError struct {
	record *kgo.Record
	err    error
}

func (r *refusedError) Error() string {
	return fmt.Sprintf("a record of %d bytes for %s was refused: %v", len(r.record.Value), r.record.Topic, r.err)
}

func (r *refusedError) Unwrap() error { return r.err }

// refusals are what a loop has learned not to try again, kept over tenures:
// jobs set aside, oldest first, with the offset in jobs from which on a
// definition is a new one, and clusters closed, with when.
type refusals struct {
	jobs   []string
	until  map[string]int64
	closed map[string]time.Time
}

// aside sets a job aside until it is defined anew, from offset until on.
func (r *refusals) aside(job string, until int64) {
	if r.until == nil {
		r.until = map[string]int64{}
	}
	if _, known := r.until[job]; !known {
		r.jobs = append(r.jobs, job)
	}
	r.until[job] = until
	if len(r.jobs) > maxAside {
		delete(r.until, r.jobs[0])
		r.jobs = r.jobs[1:]
	}
}

// known reports whether the definition at that offset is the one that its job
// was set aside with, or an older one.
func (r *refusals) known(job string, offset int64) bool { return offset < r.until[job] }

// learn takes from an error what not to do again, and reports whether it was
// one of that kind. The definitions below offset jobs had been read.
func (l *loop) learn(err error, jobs int64) bool {
	var refused *refusedError
	if !errors.As(err, &refused) {
		return false
	}
	switch kafka.Classify(refused.err) {
	case kafka.ClassTooLarge:
		job := jobOf(refused.record)
		if job == "" {
			return false
		}
		l.refused.aside(job, jobs)
		l.metrics.setAside.WithLabelValues(run.ReasonOversized).Inc()
		l.o.Log.Error("set a job aside: Kafka does not take its records; it goes on when it is defined anew",
			"job", job, "topic", refused.record.Topic, "bytes", len(refused.record.Value), "error", refused.err)
		return true
	case kafka.ClassAuthorization:
		cluster, ok := l.o.Names.Cluster(refused.record.Topic)
		if !ok {
			return false
		}
		if l.refused.closed == nil {
			l.refused.closed = map[string]time.Time{}
		}
		l.refused.closed[cluster] = time.Now()
		l.tellClosed()
		l.metrics.setAside.WithLabelValues(run.ReasonNotAuthorized).Inc()
		l.o.Log.Error("a cluster's runs wait: its topics may not be written; they are tried again each minute",
			"cluster", cluster, "topic", refused.record.Topic, "error", refused.err)
		return true
	case kafka.ClassNone, kafka.ClassFenced, kafka.ClassTimeout, kafka.ClassTopicGone, kafka.ClassUnreachable,
		kafka.ClassClosed, kafka.ClassOther:
	}
	return false
}

// listAside notes in the shard's record which jobs are set aside, and reports
// whether the record in the topic says otherwise. That record is written where
// a job's own may not be, and people who ask for jobs read it anyway.
func (t *tenure) listAside() (news bool) {
	jobs, more := t.core.Aside(topic.MaxListed)
	listed := make([]topic.Aside, 0, len(jobs))
	for _, a := range jobs {
		listed = append(listed, topic.Aside{Job: a.Job, Reason: a.Reason})
	}
	t.read.Aside, t.read.AsideMore = listed, more
	return more != t.saved.AsideMore || !slices.Equal(listed, t.saved.Aside)
}

// tellClosed lets the beats list the clusters that this shard holds back.
func (l *loop) tellClosed() {
	closed := slices.Sorted(maps.Keys(l.refused.closed))
	l.facts.closed.Store(&closed)
}

// closed are the clusters on whose queues this scheduler can put nothing, as
// its beats list them.
func (s *scheduler) closed() (listed []member.Closed, more int) {
	all := map[string]bool{}
	if loops := s.facts.loops.Load(); loops != nil {
		for _, l := range *loops {
			if closed := l.facts.closed.Load(); closed != nil {
				for _, cluster := range *closed {
					all[cluster] = true
				}
			}
		}
	}
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names[:min(len(names), topic.MaxListed)] {
		listed = append(listed, member.Closed{Cluster: name, Reason: run.ReasonNotAuthorized})
	}
	return listed, len(names) - len(listed)
}

// known gives a new tenure what was learned.
func (l *loop) known() []shard.Input {
	inputs := make([]shard.Input, 0, len(l.refused.jobs)+len(l.refused.closed))
	for _, job := range l.refused.jobs {
		inputs = append(inputs, shard.SetAside{Job: job, Reason: run.ReasonOversized})
	}
	for cluster := range l.refused.closed {
		inputs = append(inputs, shard.ClusterClosed{Cluster: cluster, Reason: run.ReasonNotAuthorized})
	}
	return inputs
}

// reopened are the clusters that are to be tried again.
func (l *loop) reopened(now time.Time) []shard.Input {
	var inputs []shard.Input
	for cluster, since := range l.refused.closed {
		if now.Sub(since) >= tryClosedAgain {
			delete(l.refused.closed, cluster)
			inputs = append(inputs, shard.ClusterClosed{Cluster: cluster})
		}
	}
	if len(inputs) > 0 {
		l.tellClosed()
	}
	return inputs
}

// aboutJob notes which job a record is about.
func aboutJob(job string, r *kgo.Record) *kgo.Record {
	r.Context = context.WithValue(context.Background(), jobKey{}, job)
	return r
}

// jobOf is the job that a record of the shard's is about, empty if it is about
// none. It travels in the record's context, since runs are keyed by their ID.
func jobOf(r *kgo.Record) string {
	if job, ok := r.Context.Value(jobKey{}).(string); ok {
		return job
	}
	return ""
}

// jobKey is the key of a record's job in its context.
type jobKey struct{}

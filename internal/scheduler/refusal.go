package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
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
		l.metrics.setAside.WithLabelValues(run.ReasonNotAuthorized).Inc()
		l.o.Log.Error("a cluster's runs wait: its topics may not be written; they are tried again each minute",
			"cluster", cluster, "topic", refused.record.Topic, "error", refused.err)
		return true
	case kafka.ClassNone, kafka.ClassFenced, kafka.ClassTimeout, kafka.ClassTopicGone, kafka.ClassUnreachable,
		kafka.ClassClosed, kafka.ClassOther:
	}
	return false
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

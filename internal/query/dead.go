package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// DeadLetter is a run that was given up or a record that could not be read.
// Requeued says that somebody asked for the run again since, Discarded that
// somebody said it will not be run again.
type DeadLetter struct {
	run.DeadLetter
	Requeued  bool `json:"requeued"`
	Discarded bool `json:"discarded,omitzero"`
}

// DeadFilter says which dead letters are wanted.
type DeadFilter struct {
	Job     string    // "" for all, and for records that could not be read
	Cluster string    // "" for all, and for letters of none
	Since   time.Time // when they were written, at the earliest
	Limit   int       // at most so many, the newest; 0 for all
}

// DeadLetters returns the dead letters that the filter names, oldest first.
func (t *Topics) DeadLetters(ctx context.Context, f DeadFilter) ([]DeadLetter, error) {
	topics, err := t.deadTopics(ctx, f.Cluster)
	if err != nil {
		return nil, err
	}
	letters := []DeadLetter{}
	for _, name := range topics {
		err := t.readAll(ctx, name, nil, func(r *kgo.Record) error {
			if d, err := topic.DecodeDeadLetter(r.Value); err == nil && f.names(&d) {
				letters = append(letters, DeadLetter{DeadLetter: d})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the dead letters: %w", err)
		}
	}
	letters = f.newest(letters)
	return letters, t.markRequeued(ctx, letters)
}

// deadTopics are those of a cluster, or of all and of none ("").
func (t *Topics) deadTopics(ctx context.Context, cluster string) ([]string, error) {
	if cluster != "" {
		return []string{t.Names.DeadOf(cluster)}, nil
	}
	clusters, err := t.clusters(ctx)
	if err != nil {
		return nil, err
	}
	topics := []string{t.Names.Dead()}
	for _, c := range clusters {
		topics = append(topics, t.Names.DeadOf(c))
	}
	return topics, nil
}

func (f *DeadFilter) names(d *run.DeadLetter) bool {
	return !d.At.Before(f.Since) && (f.Job == "" || d.Run != nil && d.Run.Job == f.Job)
}

// newest orders letters and keeps as many as are wanted.
func (f *DeadFilter) newest(letters []DeadLetter) []DeadLetter {
	slices.SortStableFunc(letters, func(a, b DeadLetter) int { return a.At.Compare(b.At) })
	letters = eachPlaceOnce(letters)
	if f.Limit > 0 {
		letters = letters[max(0, len(letters)-f.Limit):]
	}
	return letters
}

// eachPlaceOnce leaves out what several members kept of one unreadable
// record, which all of them read.
func eachPlaceOnce(letters []DeadLetter) []DeadLetter {
	seen := map[topic.Place]bool{}
	return slices.DeleteFunc(letters, func(d DeadLetter) bool {
		at := topic.Place{Topic: d.Topic, Partition: d.Partition, Offset: d.Offset}
		again := d.Topic != "" && seen[at]
		seen[at] = true
		return again
	})
}

// markRequeued looks among the requests, which are few. One that is older
// than their topic keeps (7 days) is forgotten.
func (t *Topics) markRequeued(ctx context.Context, letters []DeadLetter) error {
	if len(letters) == 0 {
		return nil
	}
	requeued, discarded := map[run.ID]time.Time{}, map[run.ID]time.Time{}
	err := t.readAll(ctx, t.Names.Commands(), nil, func(r *kgo.Record) error {
		// Of one that cannot be read, a shard keeps a dead letter: it has no type.
		q, _ := topic.DecodeRequest(r.Value)
		if q.Type == run.RequestRequeue || q.Type == run.RequestReplay {
			requeued[q.Run] = q.At
		}
		if q.Type == run.RequestDiscard {
			discarded[q.Run] = q.At
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for requeue requests: %w", err)
	}
	for i := range letters {
		if r := letters[i].Run; r != nil {
			at, ok := requeued[r.ID]
			letters[i].Requeued = ok && at.After(letters[i].At)
			at, ok = discarded[r.ID]
			letters[i].Discarded = ok && at.After(letters[i].At)
		}
	}
	return nil
}

// DeadRun returns the dead run whose ID begins with prefix, in either case of
// letters. It returns a NoRunError, an AmbiguousError, or a RequeuedError if
// the run was requeued before and is not wanted again.
func DeadRun(letters []DeadLetter, prefix string, again bool) (*run.Run, error) {
	var last *run.Run
	matches := map[run.ID]Found{}
	for _, d := range letters {
		r := d.Run
		if r == nil || !strings.HasPrefix(string(r.ID), strings.ToLower(prefix)) {
			continue
		}
		if d.Requeued && !again {
			return nil, &RequeuedError{r.ID}
		}
		if _, twice := matches[r.ID]; !twice {
			last = r
		}
		matches[r.ID] = Found{ID: r.ID, Job: r.Job, Due: r.Due, Cluster: r.Cluster}
	}
	_, err := only(prefix, matches)
	return last, err
}

// DeadRuns returns the dead runs of a job that were neither requeued nor
// discarded yet, each once.
func DeadRuns(letters []DeadLetter, jobName string) []*run.Run {
	var waiting []*run.Run
	seen := map[run.ID]bool{}
	for _, d := range letters {
		if r := d.Run; r != nil && r.Job == jobName && !d.Requeued && !d.Discarded && !seen[r.ID] {
			seen[r.ID] = true
			waiting = append(waiting, r)
		}
	}
	return waiting
}

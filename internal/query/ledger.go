package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// MaxRunsPerJob bounds the runs, and the skips, that a ledger keeps of a job.
const MaxRunsPerJob = 10_000

// Ledger folds the events of a job, or of all (""), that were written at since
// or later.
func (t *Topics) Ledger(ctx context.Context, jobName string, since time.Time) (*ledger.Ledger, error) {
	from, err := t.EventsFrom(ctx, jobName, since)
	if err != nil {
		return nil, err
	}
	name := t.Names.Events()
	l := ledger.New(ledger.Options{PerJob: MaxRunsPerJob})
	t.begins(name)
	_, err = kafka.ReadFrom(ctx, t.Kafka, name, from, kafka.ReadCommitted, func(r *kgo.Record) error {
		t.counts()
		if e, err := topic.DecodeEvent(r.Value); err == nil && (jobName == "" || e.Job == jobName) {
			l.Fold(e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	return l, nil
}

// RunFilter says which runs are wanted.
type RunFilter struct {
	Job    string      // "" for all
	States []run.State // none for all
	Since  time.Time   // how far back the events are read
	Limit  int         // at most so many, the newest; 0 for all
}

// Runs are runs, newest due time first. Known says that the ledger has any of
// the job; Dropped counts the runs and skips that it had no room for, the oldest
// of their jobs.
type Runs struct {
	Runs    []ledger.Run `json:"runs"`
	Known   bool         `json:"known"`
	Dropped int          `json:"dropped"`
}

// Runs returns the runs that the filter names.
func (t *Topics) Runs(ctx context.Context, f RunFilter) (Runs, error) {
	l, err := t.Ledger(ctx, f.Job, f.Since)
	if err != nil {
		return Runs{}, err
	}
	all := l.Runs()
	return Runs{Runs: f.choose(all), Known: len(all) > 0, Dropped: l.Dropped()}, nil
}

func (f *RunFilter) choose(all []ledger.Run) []ledger.Run {
	chosen := []ledger.Run{}
	for _, r := range all {
		if f.Limit > 0 && len(chosen) == f.Limit {
			break
		}
		if len(f.States) == 0 || slices.Contains(f.States, r.State) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

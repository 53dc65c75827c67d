package cli

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

// started is a run that was asked for.
type started struct {
	query.Found
	from map[int32]int64 // of Kafka: where its events begin, if it is followed
}

// start asks for a run of a job, with variables of its own. Where its events
// begin, only someone who follows it needs to know: a leader may be away that
// the request can do without.
func (w *way) start(ctx context.Context, name string, env map[string]string, follow bool) (started, error) {
	if w.server != nil {
		id, err := w.server.Run(ctx, name, env)
		return started{Found: query.Found{ID: id, Job: name}}, err
	}
	j, err := w.kafka.job(ctx, name)
	if err != nil {
		return started{}, err
	}
	var from map[int32]int64
	if follow {
		// The instant of the request is cut to milliseconds, and comes later.
		from, err = w.kafka.EventsFrom(ctx, name, time.Now().Add(-time.Second))
		if err != nil {
			return started{}, err
		}
	}
	asked, err := w.kafka.steer().Run(ctx, keyboard(), name, steer.RunOptions{Env: env})
	return started{query.Found{ID: asked.Run, Job: name, Due: asked.Request.At, Cluster: j.Job.Cluster}, from}, err
}

// follow shows what a run writes until it has ended.
func (w *way) follow(ctx context.Context, s started, attempt int, show func(run.Output) error) (ledger.Run, error) {
	if w.server != nil {
		return w.server.Follow(ctx, s.ID, attempt, show)
	}
	if s.from == nil {
		from, err := w.kafka.EventsFrom(ctx, s.Job, s.Due.Add(-query.BeforeDue))
		if err != nil {
			return ledger.Run{}, err
		}
		s.from = from
	}
	return w.kafka.Follow(ctx, s.Found, s.from, attempt, show)
}

// output shows what a run has written.
func (w *way) output(ctx context.Context, f query.Found, attempt int, show func(run.Output) error) error {
	if w.server != nil {
		return w.server.Output(ctx, f.ID, attempt, show)
	}
	return w.kafka.Output(ctx, f, attempt, show)
}

// ledgerRun is what the ledger knows of a run.
func (w *way) ledgerRun(ctx context.Context, f query.Found, known ledger.Run) (ledger.Run, error) {
	if w.server != nil {
		return known, nil
	}
	l, err := w.kafka.Ledger(ctx, f.Job, f.Due.Add(-query.BeforeDue))
	if err != nil {
		return ledger.Run{}, err
	}
	r, _ := l.Run(f.ID)
	return r, nil
}

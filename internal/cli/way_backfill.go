package cli

import (
	"context"

	"github.com/belfry-cron/belfry/internal/client"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

// backfill asks for one, or only says what it would run.
func (w *way) backfill(ctx context.Context, name string, b steer.Backfill, dryRun bool) (client.Backfill, error) {
	if w.server != nil {
		return w.server.Backfill(ctx, name, b, dryRun)
	}
	st := w.kafka.steer()
	due, err := st.DueTimes(ctx, name, &b)
	if err != nil {
		return client.Backfill{}, err
	}
	answer := client.Backfill{DueTimes: len(due), First: due[:min(len(due), client.MaxFirst)]}
	if dryRun {
		return answer, nil
	}
	asked, err := st.Backfill(ctx, keyboard(), name, b)
	answer.Backfill = asked.Request.ID
	return answer, err
}

func (w *way) steerBackfill(ctx context.Context, name, id string, step steer.BackfillStep) error {
	if w.server != nil {
		return w.server.SteerBackfill(ctx, name, id, step)
	}
	_, err := w.kafka.steer().SteerBackfill(ctx, keyboard(), name, id, step)
	return err
}

// discard says that a dead run will not be run again.
func (w *way) discard(ctx context.Context, r *run.Run) error {
	if w.server != nil {
		_, err := w.server.AskOf(ctx, r.ID, "discard")
		return err
	}
	_, err := w.kafka.steer().Discard(ctx, keyboard(), query.Found{ID: r.ID, Job: r.Job, Due: r.Due})
	return err
}

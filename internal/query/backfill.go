package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/belfry-cron/belfry/internal/run"
)

// Backfill is one that is under way.
type Backfill struct {
	Job string `json:"job"`
	run.Progress
}

// Backfills returns those of a job, or of all (""), that are under way: by job,
// oldest first.
func (t *Topics) Backfills(ctx context.Context, jobName string) ([]Backfill, error) {
	states, err := t.States(ctx, jobName)
	if err != nil {
		return nil, err
	}
	all := []Backfill{}
	for name, st := range states.Jobs {
		for i := range st.Backfills {
			all = append(all, Backfill{name, st.Backfills[i].Progress})
		}
	}
	slices.SortFunc(all, func(a, b Backfill) int { return cmp.Or(cmp.Compare(a.Job, b.Job), a.At.Compare(b.At)) })
	return all, nil
}

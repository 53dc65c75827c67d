package query

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// Found is a run that somebody named.
type Found struct {
	ID      run.ID
	Job     string
	Due     time.Time
	Cluster string // "" if it is not known: the ledger tells
	// Ended is how the run ended, if the schedulers remember that.
	Ended *shard.Summary
}

// FindRun returns the run whose ID begins with prefix, in either case of
// letters, or a NoRunError or AmbiguousError. Schedulers' state answers for
// unfinished and recent ones; only for older ones the events of all jobs are
// read.
func (t *Topics) FindRun(ctx context.Context, prefix string) (Found, error) {
	prefix = strings.ToLower(prefix)
	states, err := t.States(ctx, "")
	if err != nil {
		return Found{}, err
	}
	matches := remembered(states.Jobs, prefix)
	if len(matches) == 0 {
		l, err := t.Ledger(ctx, "", time.Unix(0, 0))
		if err != nil {
			return Found{}, err
		}
		for _, r := range l.Find(prefix) {
			matches[r.ID] = Found{ID: r.ID, Job: r.Job, Due: r.Due, Cluster: r.Cluster}
		}
	}
	return only(prefix, matches)
}

// remembered are the runs in the schedulers' state whose ID begins with prefix.
func remembered(states map[string]shard.JobState, prefix string) map[run.ID]Found {
	matches := map[run.ID]Found{}
	note := func(f Found) {
		if strings.HasPrefix(string(f.ID), prefix) {
			matches[f.ID] = f
		}
	}
	for name, st := range states {
		for _, a := range st.Active {
			note(Found{ID: a.ID, Job: name, Due: a.Due, Cluster: a.Cluster})
		}
		for _, d := range st.Deferred {
			note(Found{ID: d.ID, Job: name, Due: d.Due})
		}
		for i := range st.Recent {
			r := &st.Recent[i]
			note(Found{ID: r.ID, Job: name, Due: r.Due, Ended: r})
		}
	}
	return matches
}

// only returns the one match.
func only(prefix string, matches map[run.ID]Found) (Found, error) {
	ids := slices.Sorted(maps.Keys(matches))
	switch len(ids) {
	case 0:
		return Found{}, &NoRunError{prefix}
	case 1:
		return matches[ids[0]], nil
	}
	e := &AmbiguousError{Prefix: prefix, Count: len(ids)}
	for _, id := range ids[:min(len(ids), MaxMatches)] {
		e.Runs = append(e.Runs, matches[id])
	}
	return Found{}, e
}

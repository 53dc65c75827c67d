package hostile

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/test/site"
)

// keptRecords bounds what is kept of each topic for the attacker to copy.
const keptRecords = 50

// follow folds the ledger of the good jobs as it is written, and keeps what
// the attacker copies.
func (w *world) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	for _, name := range []string{
		w.names.Jobs(), w.names.Commands(), w.names.Events(), w.names.State(), w.names.Members(), w.names.Control(),
		w.names.Runs(home), w.names.Retries(home), w.names.Output(home), w.names.DeadOf(home),
	} {
		done.Go(func() {
			_ = kafka.Follow(ctx, w.kafka, name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.observe(r)
				return nil
			})
		})
	}
	w.t.Cleanup(func() { cancel(); done.Wait() })
}

// mark is the header of what the attacker sends; nobody but the tests looks
// at it.
const mark = "hostile"

func planted(r *kgo.Record) bool {
	for _, h := range r.Headers {
		if h.Key == mark {
			return true
		}
	}
	return false
}

func (w *world) observe(r *kgo.Record) {
	if planted(r) {
		return
	}
	seen := append(w.seen[r.Topic], r)
	w.seen[r.Topic] = seen[max(0, len(seen)-keptRecords):]
	if r.Topic != w.names.Events() {
		return
	}
	ev, err := topic.DecodeEvent(r.Value)
	if err != nil || !w.good[ev.Job] {
		return
	}
	w.ledger.Observe(&ev)
	if ev.Type == run.EventClaimed {
		w.held = append(w.held[max(0, len(w.held)-keptRecords):], ev)
	}
}

// read is site.Reader's: all but what the attacker sent.
func (w *world) read(name string, each func(*kgo.Record) error) error {
	return site.Read(w.t.Context(), w.kafka)(name, func(r *kgo.Record) error {
		if planted(r) {
			return nil
		}
		return each(r)
	})
}

// settle waits until what began by an instant has ended.
func (w *world) settle(until time.Time) {
	w.t.Helper()
	w.await("all runs to end", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.ledger.Open(until) == 0
	})
}

// judge holds what became of the good jobs against the promises. All members
// must have left.
func (w *world) judge(from, until time.Time, limits check.Limits) check.Report {
	w.t.Helper()
	e, err := site.Collect(w.read, w.names, []string{home, away})
	require.NoError(w.t, err)
	e.From, e.Until, e.Limits = from.UTC().Round(0), until.UTC().Round(0), limits
	e.Jobs = only(e.Jobs, func(d check.Definition) bool { return w.good[d.Name] })
	e.Requests = only(e.Requests, func(r check.Request) bool { return w.good[r.Job] })
	e.Events = only(e.Events, func(ev run.Event) bool { return w.good[ev.Job] && !answersStranger(&ev) })
	e.Runs = only(e.Runs, func(r run.Run) bool { return w.good[r.Job] })
	e.Dead = only(e.Dead, func(d run.DeadLetter) bool { return d.Run != nil && w.good[d.Run.Job] })
	e.Lines = only(w.lines, func(l check.Line) bool { return w.good[l.Job] })
	r, err := check.Judge(e)
	require.NoError(w.t, err)
	return r
}

// answersStranger reports whether an event is what became of a forged report,
// which the judge is not shown: nothing.
func answersStranger(ev *run.Event) bool {
	return ev.Type == run.EventLate && !strings.Contains(ev.Reason, " by worker-")
}

func only[T any](all []T, ok func(T) bool) []T {
	var kept []T
	for _, one := range all {
		if ok(one) {
			kept = append(kept, one)
		}
	}
	return kept
}

package scheduler

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// commitEvery is the least time between two transactions of a shard when
	// runs are staged ahead: on a real Kafka a transaction costs the same
	// with three records as with three thousand.
	commitEvery = 250 * time.Millisecond
	// leadForBatching is the least lead that hides commitEvery.
	leadForBatching = time.Second
	// leaseEvery keeps an idle shard's transactional ID from expiring, which
	// brokers do after days (transactional.id.expiration.ms).
	leaseEvery = time.Hour
	// longestWait bounds a sleep, so that a clock set ahead is soon noticed.
	longestWait = time.Second
	// The wait before a shard that was given up after an error is taken over
	// again.
	firstRetry, lastRetry = 100 * time.Millisecond, 2 * time.Second
)

// loop owns one shard for as long as it is this scheduler's.
type loop struct {
	*scheduler
	shard   int32
	surveys chan surveyed
	cancel  context.CancelFunc
	done    chan struct{}
	loaded  atomic.Bool
	refused refusals
	facts   loopFacts
}

// surveyed is what the beats said, to be believed once the shard's events
// were read up to end.
type surveyed struct {
	members []member.Member
	deaf    bool
	end     int64
	asked   time.Duration
}

func (w *watcher) start(ctx context.Context, p int32) *loop {
	ctx, cancel := context.WithCancel(ctx)
	l := &loop{
		scheduler: w.scheduler, shard: p, cancel: cancel,
		surveys: make(chan surveyed, 1), done: make(chan struct{}),
	}
	l.facts.unloaded.Note(time.Now())
	go l.run(ctx)
	return l
}

// run takes the shard over, and again after every error: what a client that
// failed has or has not committed is only to be learned from the log.
func (l *loop) run(ctx context.Context) {
	defer close(l.done)
	wait := firstRetry
	for {
		began := time.Now()
		jobs, err := l.own(ctx)
		l.loaded.Store(false)
		l.facts.unloaded.NoteFirst(time.Now())
		if ctx.Err() != nil {
			return
		}
		class := kafka.Classify(err)
		if l.learn(err, jobs) {
			wait = firstRetry
		}
		l.metrics.givenUp.WithLabelValues(string(class)).Inc()
		l.o.Log.Warn("gave a shard up, will take it over again", "shard", l.shard, "class", class, "error", err)
		if time.Since(began) > 10*lastRetry {
			wait = firstRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
}

// own takes the shard over and runs it until ctx ends or an error. It returns
// how far the definitions were read.
func (l *loop) own(ctx context.Context) (jobs int64, err error) {
	began := time.Now()
	t, err := l.takeOver(ctx)
	if err != nil {
		return 0, err
	}
	defer t.close()
	if err := t.load(ctx); err != nil {
		return t.read.Jobs, err
	}
	l.metrics.takeOvers.Observe(time.Since(began).Seconds())
	l.o.Log.Info("owns a shard", "shard", l.shard, "jobs", t.core.Jobs(), "took", time.Since(began).Round(time.Millisecond))
	l.loaded.Store(true)
	l.facts.unloaded.Clear()
	err = t.steps(ctx)
	return t.read.Jobs, err
}

// tenure is one uninterrupted ownership of a shard.
type tenure struct {
	*loop
	cl   *kgo.Client
	core *shard.Shard
	// read is how far the topics were read, saved what the last transaction
	// says of that. Definitions below replayed were acted on by an earlier
	// owner.
	read, saved topic.ShardRecord
	replayed    int64
	committed   time.Time
	pending     *surveyed
	gauges      struct{ jobs, unfinished int }
}

// steps feeds the core until ctx ends. A commit that is under way when it
// does is brought to its end.
func (t *tenure) steps(ctx context.Context) error {
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan batch)
	go t.feed(feeding, batches)
	defer t.forgetGauges()
	for {
		inputs, err := t.gather(ctx, batches)
		if err != nil || ctx.Err() != nil {
			return err
		}
		inputs = append(inputs, t.reopened(time.Now())...)
		inputs = t.survey(append(inputs, shard.EventsRead{Next: t.read.Events}))
		if err := t.step(ctx, inputs); err != nil {
			return err
		}
	}
}

// step decides and commits, and goes on while there is more to decide than
// fits a transaction.
func (t *tenure) step(ctx context.Context, inputs []shard.Input) error {
	for {
		// Without its monotonic reading, now is what due times are: a time of
		// the wall clock.
		now := time.Now().Round(0)
		effects := t.core.Step(inputs, now)
		if err := t.commit(ctx, effects); err != nil {
			return err
		}
		t.showGauges()
		inputs = t.refusals(effects)
		wake, ok := t.core.Wake()
		if len(inputs) == 0 && (!ok || wake.After(now) || effects.Empty()) {
			return nil
		}
	}
}

// gather waits until there is something to do, then for as long as the
// transactions are to be apart, and returns all that came meanwhile.
func (t *tenure) gather(ctx context.Context, batches <-chan batch) ([]shard.Input, error) {
	var inputs []shard.Input
	rest := t.rest()
	for {
		// A newer survey ends later: if it took the place of one that the
		// events have not caught up with, none would ever be believed under load.
		surveys := t.surveys
		if t.pending != nil {
			surveys = nil
		}
		select {
		case <-ctx.Done():
			return inputs, nil
		case b := <-batches:
			if b.err != nil {
				return nil, b.err
			}
			t.read.Jobs = max(t.read.Jobs, b.jobs)
			t.read.Commands = max(t.read.Commands, b.commands)
			t.read.Events = max(t.read.Events, b.events)
			inputs = append(inputs, b.inputs...)
		case sv := <-surveys:
			t.pending = &sv
			t.metrics.lag.WithLabelValues(t.label()).Set(float64(max(sv.end-t.read.Events, 0)))
		case <-time.After(t.wait(len(inputs) > 0, rest)):
			return inputs, nil
		}
		if t.urgent(len(inputs) > 0) && !time.Now().Before(rest) {
			return inputs, nil
		}
	}
}

// rest is until when no transaction is begun.
func (t *tenure) rest() time.Time {
	if t.o.Lead < leadForBatching {
		return t.committed
	}
	return t.committed.Add(commitEvery)
}

// urgent reports whether there is something to step for.
func (t *tenure) urgent(inputs bool) bool {
	if inputs || t.pending != nil && t.read.Events >= t.pending.end {
		return true
	}
	wake, ok := t.core.Wake()
	return ok && !wake.After(time.Now())
}

// wait is how long gather waits for more.
func (t *tenure) wait(inputs bool, rest time.Time) time.Duration {
	wait := longestWait
	if t.urgent(inputs) {
		wait = 0
	} else if wake, ok := t.core.Wake(); ok {
		wait = min(wait, time.Until(wake))
	}
	return max(wait, time.Until(rest), 0)
}

// survey adds what the beats say once the events up to it were read.
func (t *tenure) survey(inputs []shard.Input) []shard.Input {
	if t.pending == nil || t.read.Events < t.pending.end {
		return inputs
	}
	t.tellUnclaimed(time.Now())
	inputs = append(inputs, shard.Beats{Workers: t.pending.members, Deaf: t.pending.deaf, Asked: t.pending.asked, Now: time.Since(t.born)})
	t.pending = nil
	return inputs
}

// refusals tells the core of the runs that could not be enqueued.
func (t *tenure) refusals(effects shard.Effects) []shard.Input {
	var inputs []shard.Input
	for _, q := range effects.Enqueue {
		if q.Refused != "" {
			inputs = append(inputs, shard.Refused{Run: q.Run, Reason: q.Refused})
		}
	}
	return inputs
}

// showGauges keeps the sums over all shards current.
func (t *tenure) showGauges() {
	jobs, unfinished := t.core.Jobs(), t.core.Unfinished()
	t.metrics.jobs.Add(float64(jobs - t.gauges.jobs))
	t.metrics.unfinished.Add(float64(unfinished - t.gauges.unfinished))
	t.gauges.jobs, t.gauges.unfinished = jobs, unfinished
}

func (t *tenure) forgetGauges() {
	t.metrics.jobs.Sub(float64(t.gauges.jobs))
	t.metrics.unfinished.Sub(float64(t.gauges.unfinished))
	t.metrics.lag.DeleteLabelValues(t.label())
}

func (t *tenure) label() string { return strconv.Itoa(int(t.shard)) }

var errNotOurs = errors.New("the log does not hold what this scheduler wrote at take-over")

package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// pollWait bounds a poll, so that what it may return is decided anew and
	// a change of partitions noticed.
	pollWait = 100 * time.Millisecond
	// pollSayAgain is how soon the same of a failing poll is said again.
	pollSayAgain = 10 * time.Second
	// sessionRetry is the pause before a new session after an error.
	sessionRetry = 500 * time.Millisecond
	// maxPartitions bounds the partitions of a queue that a beat names.
	maxPartitions = 10_000
	// fenceWait bounds the wait for the transactional ID.
	fenceWait = 15 * time.Second
)

// claimer takes runs off one queue.
type claimer struct {
	w     *worker
	queue run.Queue
	topic string

	inGroup bool
	// pollClass and pollSaid are what was last said of failing polls.
	pollClass kafka.Class
	pollSaid  time.Time
	pollFails bool
	// revoked: partitions went since the session last ended a transaction.
	revoked atomic.Bool

	// memory is what the group knew when the session began, and what was
	// claimed since.
	memory claim.Memory

	mu    sync.Mutex
	owned []int32
	stuck bool // said of owned that nothing can be claimed from it

	facts queueFacts
}

// partitions returns those of the queue that this worker reads.
func (c *claimer) partitions() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.owned)
}

// claimable returns the partitions that runs may be staged for: those owned,
// at most as many as fit a beat, unless the worker is not able to claim.
func (c *claimer) claimable(able bool) []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stuck := !able && len(c.owned) > 0; stuck != c.stuck {
		c.stuck = stuck
		c.w.o.Log.Warn("whether runs can be claimed has changed", "queue", c.queue, "able", able, "partitions", c.owned)
	}
	if c.stuck {
		return nil
	}
	return slices.Clone(c.owned[:min(len(c.owned), maxPartitions)])
}

// watch returns the options that have the group tell of our partitions.
func (c *claimer) watch() []kgo.Opt {
	gone := func(_ context.Context, _ *kgo.Client, p map[string][]int32) {
		c.revoked.Store(true)
		c.own(nil, p[c.topic])
	}
	return []kgo.Opt{
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, p map[string][]int32) {
			c.own(p[c.topic], nil)
		}),
		kgo.OnPartitionsRevoked(gone),
		kgo.OnPartitionsLost(gone),
	}
}

// own notes a change of the partitions owned and lets schedulers know soon.
func (c *claimer) own(gained, lost []int32) {
	if len(gained)+len(lost) == 0 {
		return
	}
	c.mu.Lock()
	c.owned = slices.DeleteFunc(append(c.owned, gained...), func(p int32) bool { return slices.Contains(lost, p) })
	slices.Sort(c.owned)
	c.owned = slices.Compact(c.owned)
	owned := slices.Clone(c.owned)
	c.mu.Unlock()
	c.w.metrics.partitions.WithLabelValues(string(c.queue)).Set(float64(len(owned)))
	c.w.o.Log.Info("partitions changed", "queue", c.queue, "partitions", owned)
	select {
	case c.w.nudge <- struct{}{}:
	default:
	}
}

// run keeps a session going until ctx ends.
func (c *claimer) run(ctx context.Context) {
	for {
		err := c.session(ctx)
		c.own(nil, c.partitions())
		if ctx.Err() != nil {
			return
		}
		class := kafka.Classify(err)
		c.facts.failing.NoteFirst(time.Now())
		c.w.metrics.errors.WithLabelValues(whatClaim, string(class)).Inc()
		c.w.o.Log.Warn("claiming begins anew", "queue", c.queue, "class", class, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(sessionRetry):
		}
		// Taking the transactional ID back would fence the newer process.
		if c.w.ousted(ctx, err) {
			c.w.retire(ErrReplaced)
			return
		}
	}
}

// session claims until ctx ends or an error leaves open what became of a
// transaction; nobody may go on with a session after that.
func (c *claimer) session(ctx context.Context) error {
	o := c.w.o
	begin, err := c.recall(ctx)
	if err != nil {
		return err
	}
	session, err := o.Kafka.GroupSession(
		c.group(),
		fmt.Sprintf("%sworker.%s.%s", o.Names.Prefix, o.Name, c.queue),
		[]string{c.topic}, append(c.watch(), begin.options()...)...)
	if err != nil {
		return err
	}
	defer leave(session)
	if err := fence(ctx, session.Client()); err != nil {
		return err
	}
	began := time.Now()
	for ctx.Err() == nil {
		c.notice(session.Client())
		c.forgive(began)
		if err := c.reset(ctx, session); err != nil {
			return err
		}
		limit, ok := c.limit()
		if !ok {
			return nil
		}
		if limit == 0 {
			continue
		}
		polled, err := c.poll(ctx, session, limit)
		if err != nil {
			return err
		}
		if len(polled) == 0 || ctx.Err() != nil {
			continue
		}
		if err := c.claim(ctx, session, polled); err != nil {
			return err
		}
	}
	return nil
}

// fence aborts what an earlier life left open: it would hide all that is
// committed behind it.
func fence(ctx context.Context, cl *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, fenceWait)
	defer cancel()
	if _, _, err := cl.ProducerID(ctx); err != nil {
		return fmt.Errorf("taking over the transactional ID: %w", err)
	}
	return nil
}

// leave leaves the group. That may wait for a rebalance, which nobody here
// waits for.
func leave(session *kgo.GroupTransactSession) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		session.Close()
	}()
	select {
	case <-left:
	case <-time.After(leaveWait):
	}
}

// notice sees that the group is joined.
func (c *claimer) notice(cl *kgo.Client) {
	_, generation := cl.GroupMetadata()
	if generation <= 0 {
		c.facts.outside.NoteFirst(time.Now())
		return
	}
	c.facts.outside.Clear()
	if !c.inGroup {
		c.inGroup = true
		if int(c.w.joined.Add(1)) == len(c.w.claimers) {
			c.w.facts.working.Store(true)
			c.w.o.Ready()
		}
	}
}

// reset ends an empty transaction after partitions went: until one ends, the
// session tells of no more that go, and would abort the next claim.
func (c *claimer) reset(ctx context.Context, session *kgo.GroupTransactSession) error {
	if !c.revoked.Swap(false) {
		return nil
	}
	if err := session.Begin(); err != nil {
		return fmt.Errorf("after partitions went: %w", err)
	}
	if _, err := session.End(context.WithoutCancel(ctx), kgo.TryAbort); err != nil {
		return fmt.Errorf("after partitions went: %w", err)
	}
	return nil
}

// limit returns how many runs to poll, after a wait if there are none yet.
func (c *claimer) limit() (int, bool) {
	limit, woken := 0, make(chan struct{})
	ok := c.w.inLoop(func() {
		if limit = c.w.state.Limit(c.queue, c.w.now()); limit == 0 {
			c.w.starved[c.queue] = woken
		}
	})
	if !ok || limit > 0 {
		return limit, ok
	}
	select {
	case <-woken:
	case <-time.After(pollWait):
	case <-c.w.stopped:
	}
	return 0, true
}

// poll returns the next records of the queue, at most limit.
func (c *claimer) poll(ctx context.Context, session *kgo.GroupTransactSession, limit int) ([]*kgo.Record, error) {
	bounded, cancel := context.WithTimeout(ctx, pollWait)
	defer cancel()
	fetches := session.PollRecords(bounded, limit)
	c.pollFails = false
	for _, e := range fetches.Errors() {
		class := kafka.Classify(e.Err)
		if errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, context.Canceled) {
			continue
		}
		if class == kafka.ClassTopicGone || errors.Is(e.Err, kgo.ErrClientClosed) {
			return nil, fmt.Errorf("polling %s: %w", e.Topic, e.Err)
		}
		c.pollFails = true
		c.facts.failing.NoteFirst(time.Now())
		c.w.metrics.errors.WithLabelValues(whatPoll, string(class)).Inc()
		if class != c.pollClass || time.Since(c.pollSaid) > pollSayAgain {
			c.pollClass, c.pollSaid = class, time.Now()
			c.w.o.Log.Warn("polling", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
		}
	}
	return fetches.Records(), nil
}

// claim ends one transaction over the polled records: claimed, returned and
// dead letters, together with their offsets.
func (c *claimer) claim(ctx context.Context, session *kgo.GroupTransactSession, polled []*kgo.Record) error {
	begin := time.Now()
	c.facts.claiming.Note(begin)
	defer c.facts.claiming.Clear()
	runs, records := c.decode(polled)
	said, beat, ok := c.decide(runs)
	if !ok {
		return nil
	}
	events := make([]run.Event, 0, len(runs))
	for i, verdict := range said.Verdicts {
		if ev, say := c.w.author().Decided(verdict, &runs[i].Run, beat, time.Now()); say {
			records = append(records, c.w.record(ev, runs[i].Run.Shard))
			events = append(events, ev)
		}
	}
	// Neither a drain nor a rebalance may cut the end of a transaction:
	// nobody would know how it ended.
	committed, err := c.commit(context.WithoutCancel(ctx), session, records)
	c.w.metrics.claimSeconds.Observe(time.Since(begin).Seconds())
	if err != nil || !committed {
		c.w.metrics.claimsAborted.Inc()
		c.w.tell(claim.Unclaimed{Queue: said.Queue, Number: said.Number})
		return err
	}
	c.facts.failing.Clear()
	c.w.metrics.claimed.SetToCurrentTime()
	for _, r := range polled {
		c.memory.Claimed(r.Partition, r.Offset+1)
	}
	c.w.metrics.claims.WithLabelValues(string(c.queue)).Add(float64(said.Claims()))
	c.w.metrics.deadLetters.Add(float64(len(records) - len(events)))
	c.w.tell(claim.Claimed{Queue: said.Queue, Number: said.Number})
	c.announce(events, runs)
	return nil
}

// commit produces and ends. All records are acknowledged before the end is
// tried: an end without error proves nothing about them.
func (c *claimer) commit(ctx context.Context, session *kgo.GroupTransactSession, records []*kgo.Record) (bool, error) {
	if err := session.Begin(); err != nil {
		return false, fmt.Errorf("beginning a claim: %w", err)
	}
	if err := session.ProduceSync(ctx, records...).FirstErr(); err != nil {
		_, abortErr := session.End(ctx, kgo.TryAbort)
		return false, fmt.Errorf("writing a claim: %w", errors.Join(err, abortErr))
	}
	committed, err := session.End(ctx, kgo.TryCommit)
	if err != nil {
		return false, fmt.Errorf("ending a claim: %w", err)
	}
	return committed, nil
}

// decode reads the runs; what cannot be read becomes a dead letter.
func (c *claimer) decode(polled []*kgo.Record) ([]claim.Polled, []*kgo.Record) {
	var runs []claim.Polled
	var dead []*kgo.Record
	for _, r := range polled {
		decoded, err := c.readRun(r)
		if err != nil {
			c.w.o.Log.Error("a record cannot be read; it goes to dead letters",
				"topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
			dead = append(dead, c.w.deadLetter(r, err))
			continue
		}
		runs = append(runs, claim.Polled{
			Run: decoded, At: r.Timestamp, Size: len(r.Value), Doubted: c.memory.Doubts(r.Partition, r.Offset),
		})
	}
	return runs, dead
}

func (c *claimer) readRun(r *kgo.Record) (run.Run, error) {
	decoded, err := c.w.codec.DecodeRun(r.Value, c.w.o.Cluster)
	if err != nil {
		return run.Run{}, err
	}
	if decoded.V == 0 {
		decoded.Shard = topic.Partition(decoded.Job, c.w.o.Shards)
	}
	return decoded, topic.CheckRunPlace(r.Key, &decoded, c.w.o.Cluster, c.w.o.Shards)
}

// decide returns what the state says of polled runs, and the number of the
// latest beat sent before it did: later ones hold the claimed runs. It reports
// false when nothing is to be taken any more.
func (c *claimer) decide(runs []claim.Polled) (said claim.Claim, beat int64, ok bool) {
	ok = c.w.inLoop(func() {
		said = c.w.state.Decide(c.queue, runs, c.w.now())
		beat = c.w.beatSeq.Load()
	})
	if said.Claims() > 0 {
		c.w.hearing.hurry() // what is due now starts once control is known up to here
	}
	return said, beat, ok
}

// announce shows committed events to who watches.
func (c *claimer) announce(events []run.Event, runs []claim.Polled) {
	byKey := make(map[run.Key]run.Run, len(runs))
	for _, r := range runs {
		byKey[r.Run.Key()] = r.Run
	}
	for _, ev := range events {
		c.w.count(ev)
		if ev.Type == run.EventClaimed {
			c.w.metrics.claimedAhead.Observe(max(0, time.Until(byKey[ev.Key()].NotBefore)).Seconds())
		}
		if ev.Confirm {
			c.w.metrics.asked.Inc()
		}
		c.w.o.OnEvent(ev, byKey[ev.Key()])
	}
}

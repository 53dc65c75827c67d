package notice

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// maxGroup bounds the notices of a message, maxWaiting those of a target that
	// wait.
	maxGroup   = 20
	maxWaiting = 500
	// maxAsked bounds how long a target may ask to be left alone.
	maxAsked = 15 * time.Minute
)

// pace is how fast a target is told.
type pace struct {
	// group is how long others are waited for, so that they make one message;
	// apart is the least time between two messages.
	group, apart time.Duration
	// first is the wait after a try that failed; it doubles up to most. Notices
	// older than giveUp are not tried again.
	first, most, giveUp time.Duration
	// answer bounds one request, from the connection to the answer's end.
	answer time.Duration
}

func usualPace() pace {
	return pace{group: 5 * time.Second, apart: time.Second, first: time.Second, most: 5 * time.Minute, giveUp: time.Hour, answer: 10 * time.Second}
}

// item is a notice on its way to one target.
type item struct {
	notice   run.Notice
	came     time.Time
	attempts int
	// gone says that another server is to deliver it, nil if none ever is.
	gone *atomic.Bool
	// settled is called once at the most, with nil if it was delivered. It does
	// not wait.
	settled func(attempts int, err error)
}

// outbox holds what one target is to be told.
type outbox struct {
	target  Target
	hosts   []string
	prefix  string
	sender  sender
	pace    pace
	metrics *metrics

	mu      sync.Mutex
	waiting []*item
	news    chan struct{}
}

var errTooMany = errors.New("too many notices wait for the target")

// put adds an item; the oldest goes if there are too many.
func (o *outbox) put(it *item) {
	o.mu.Lock()
	o.waiting = append(o.waiting, it)
	var over *item
	if len(o.waiting) > maxWaiting {
		over, o.waiting = o.waiting[0], o.waiting[1:]
	}
	o.mu.Unlock()
	if over != nil {
		over.settled(over.attempts, errTooMany)
	}
	select {
	case o.news <- struct{}{}:
	default:
	}
}

// take returns the next message's worth, none if nothing waits.
func (o *outbox) take() []*item {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = slices.DeleteFunc(o.waiting, func(it *item) bool { return it.gone != nil && it.gone.Load() })
	n := min(len(o.waiting), o.target.most())
	batch := append([]*item(nil), o.waiting[:n]...)
	o.waiting = o.waiting[n:]
	return batch
}

// run tells the target until ctx ends.
func (o *outbox) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.news:
		}
		if o.target.most() > 1 && !rest(ctx, o.pace.group) {
			return
		}
		for batch := o.take(); len(batch) > 0; batch = o.take() {
			if !o.deliver(ctx, batch) || !rest(ctx, o.pace.apart) {
				return
			}
		}
	}
}

// deliver tries until the batch is settled, and reports false if ctx ended
// before.
func (o *outbox) deliver(ctx context.Context, batch []*item) bool {
	wait := o.pace.first
	for {
		err := o.try(ctx, batch)
		if ctx.Err() != nil && err != nil {
			return false
		}
		for _, it := range batch {
			it.attempts++
		}
		why, _ := errors.AsType[*trouble](err)
		if err == nil || why == nil || why.final {
			settle(batch, err)
			return true
		}
		o.metrics.failed.WithLabelValues(o.target.Name).Inc()
		if batch = o.keepYoung(batch, err); len(batch) == 0 {
			return true
		}
		if !rest(ctx, max(wait, why.after)) {
			return false
		}
		wait = min(2*wait, o.pace.most)
	}
}

// keepYoung gives up what has been tried for too long.
func (o *outbox) keepYoung(batch []*item, err error) []*item {
	var young, old []*item
	for _, it := range batch {
		if it.gone != nil && it.gone.Load() {
			continue
		}
		if time.Since(it.came) < o.pace.giveUp {
			young = append(young, it)
		} else {
			old = append(old, it)
		}
	}
	settle(old, err)
	return young
}

func settle(batch []*item, err error) {
	for _, it := range batch {
		it.settled(it.attempts, err)
	}
}

// try sends what tells of the batch.
func (o *outbox) try(ctx context.Context, batch []*item) error {
	notices := make([]run.Notice, len(batch))
	for i, it := range batch {
		notices[i] = it.notice
	}
	requests, err := o.target.requests(notices, o.prefix, time.Now())
	if err != nil {
		return err
	}
	for _, r := range requests {
		if err := o.sender.send(ctx, &o.target, o.hosts, r.header, r.body); err != nil {
			return err
		}
	}
	return nil
}

// rest waits, and reports false if ctx ended before.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

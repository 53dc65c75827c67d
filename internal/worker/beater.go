package worker

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// beat sends a beat each WorkerEvery, and one at once when nudged, until ctx
// ends. A beat says that its sender lives now: a lane in which one is in flight
// takes the next only if that is soon.
func (w *worker) beat(ctx context.Context) {
	tick := time.NewTicker(member.WorkerEvery)
	defer tick.Stop()
	for {
		if b, ok := w.self(); ok {
			w.sendBeat(ctx, b)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.nudge:
		}
	}
}

// beatSoon asks for a beat at once.
func (w *worker) beatSoon() {
	select {
	case w.nudge <- struct{}{}:
	default:
	}
}

// self is what the next beat says.
func (w *worker) self() (member.Beat, bool) {
	var said claim.Beat
	ok := w.inLoop(func() {
		said = w.state.Beat(w.now())
		w.beatSeq.Store(said.Number)
		w.tellOverdue()
	})
	w.metrics.slotsFree.WithLabelValues(string(run.QueueRuns)).Set(float64(said.FreeSlots))
	w.metrics.slotsFree.WithLabelValues(string(run.QueueRetries)).Set(float64(said.FreeRetrySlots))
	w.metrics.held.Set(float64(said.Runs))
	w.metrics.ahead.Set(said.Ahead.Seconds())
	return w.describe(said), ok
}

func (w *worker) describe(said claim.Beat) member.Beat {
	b := member.Beat{
		ID: w.o.Name, Role: member.RoleWorker, Incarnation: w.incarnation, Seq: said.Number,
		At: time.Now().UTC(), Host: w.o.Host, Version: w.o.Version, Zones: w.o.Zones, StartedAt: w.born.UTC().Round(0),
		Lanes: w.lanes.Len(), Cluster: w.o.Cluster, Claims: said.Claims, Unlisted: said.Runs,
	}
	if c := w.claimers[run.QueueRuns]; c != nil {
		b.Runs = member.Slots{Total: w.o.Slots, Free: said.FreeSlots, Partitions: c.claimable(said.ClaimsRuns)}
	}
	if c := w.claimers[run.QueueRetries]; c != nil {
		b.Retries = member.Slots{Total: w.o.RetrySlots, Free: said.FreeRetrySlots, Partitions: c.claimable(said.ClaimsRetries)}
	}
	return b
}

func (w *worker) sendBeat(ctx context.Context, b member.Beat) {
	value, err := topic.EncodeBeat(b)
	if err != nil {
		w.o.Log.Error("encoding a beat", "error", err)
		return
	}
	sent := w.mono()
	busy := w.lanes.Send(ctx, []byte(b.ID), value, func(lane int, err error) {
		if err != nil {
			w.metrics.errors.WithLabelValues(whatBeat, string(kafka.Classify(err))).Inc()
			if ctx.Err() == nil {
				w.o.Log.Warn("a beat was not acknowledged", "lane", lane, "error", err)
			}
			return
		}
		w.metrics.beats.Inc()
		w.contact.acked(lane, b.Seq, sent)
		w.tell(claim.BeatAcked{Lane: lane, Number: b.Seq, Sent: sent})
	})
	w.metrics.beatsLate.Add(float64(busy))
	w.showContact()
}

// contact is what was acknowledged of the beats, for the last look before a
// start, which does not wait for the loop.
type contact struct {
	mu sync.Mutex
	of claim.Contact
}

func (c *contact) acked(lane int, number int64, sent time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of.Acked(lane, number, sent)
}

// since returns when the latest beat was sent that some lane has, 0 if none has.
func (c *contact) since() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	since, _ := c.of.Since()
	return since
}

func (c *contact) ages(now time.Duration) []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of.Ages(now)
}

// showContact shows how many lanes a start could lean on, and since when each
// has acknowledged nothing.
func (w *worker) showContact() {
	usable := 0
	for lane, age := range w.contact.ages(w.mono()) {
		if age >= 0 && age <= claim.InTouch {
			usable++
		}
		if age < 0 {
			age = w.mono()
		}
		w.metrics.laneAge.WithLabelValues(strconv.Itoa(lane)).Set(age.Seconds())
	}
	w.metrics.lanesUsable.Set(float64(usable))
}

// farewell lets schedulers know at once that we are gone, and what we could
// not report.
func (w *worker) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	b := w.describe(w.state.Beat(w.now()))
	b.Leaving = true
	value, err := topic.EncodeBeat(b)
	if err != nil {
		w.o.Log.Error("encoding a beat", "error", err)
		return
	}
	w.lanes.SendLast(ctx, []byte(b.ID), value)
}

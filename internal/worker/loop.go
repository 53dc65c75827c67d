package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/run"
)

// reportWait is how long, after the drain and the time given to killed
// commands, the loop waits for the last events to be acknowledged.
const reportWait = 20 * time.Second

// loop owns the state: it takes what the other roles tell, does what the
// state answers, and wakes when the state asks to. It returns when a drain
// is done, or its time over.
func (w *worker) loop(ctx context.Context) error {
	defer close(w.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	drain := ctx.Done()
	var expired, tooLate <-chan time.Time
	for !w.state.Done() {
		w.sleep(timer)
		select {
		case a := <-w.asks:
			w.take(a)
		case <-timer.C:
			w.step(claim.Tick{})
		case <-drain:
			drain = nil
			if errors.Is(context.Cause(ctx), ErrReplaced) {
				tooLate = time.After(reportWait)
				w.step(claim.Replaced{})
				break
			}
			w.o.Log.Info("draining", "limit", w.o.Drain)
			expired = time.After(w.o.Drain)
			w.step(claim.Drain{})
		case <-expired:
			expired, tooLate = nil, time.After(reportWait)
			w.step(claim.DrainExpired{})
		case <-tooLate:
			b := w.state.Beat(w.now())
			w.killAll()
			return fmt.Errorf("worker %s leaves without having reported %d runs: they will be taken for lost",
				w.o.Name, b.Runs)
		}
		w.feed()
	}
	return nil
}

// sleep sets the timer for when the state wants to be woken.
func (w *worker) sleep(timer *time.Timer) {
	if in, ok := w.state.Wake(w.now()); ok {
		timer.Reset(in)
		return
	}
	timer.Stop()
}

// ask is something for the loop: an input, or a call.
type ask struct {
	in   claim.Input
	call func()
}

// take takes an ask, and inputs that have come meanwhile with it, up to the
// first call.
func (w *worker) take(a ask) {
	var inputs []claim.Input
	for a.call == nil {
		inputs = append(inputs, a.in)
		if len(w.asks) == 0 {
			w.step(inputs...)
			return
		}
		a = <-w.asks // nobody else takes them
	}
	if len(inputs) > 0 {
		w.step(inputs...)
	}
	a.call()
}

func (w *worker) step(inputs ...claim.Input) {
	for _, in := range inputs {
		if ended, ok := in.(claim.Exited); ok {
			w.forgetRunner(ended.Key)
		}
		if refused, ok := in.(claim.Refused); ok {
			w.forgetRunner(refused.Key)
		}
	}
	for _, e := range w.state.Steps(inputs, w.now()) {
		w.perform(e)
	}
}

// perform does one effect. None of them waits for anything.
func (w *worker) perform(e claim.Effect) {
	switch e := e.(type) {
	case claim.SendStarting:
		ev, r, _ := w.author().Report(e, time.Now())
		w.sendStarting(ev, r)
	case claim.Exec:
		ctx, cancel := context.WithCancelCause(context.Background())
		w.running[e.Run.Key()] = cancel
		decided := w.mono()
		// Shown when it happens; the event was in the log before.
		w.o.OnEvent(w.author().Event(run.EventStarting, &e.Run, time.Now()), e.Run)
		w.runners.Go(func() { w.execute(ctx, e.Run, decided) })
	case claim.Kill:
		w.o.Log.Info("killing a run", "run", e.Key.ID, "fence", e.Key.Fence, "reason", e.Reason)
		if cancel := w.running[e.Key]; cancel != nil {
			cancel(errors.New(e.Reason))
		}
	case claim.SendFinished, claim.SendReturned, claim.SendDropped:
		ev, r, _ := w.author().Report(e, time.Now())
		w.count(ev)
		w.sendLast(ev, r)
	}
}

// count counts how runs end here.
func (w *worker) count(ev run.Event) {
	if ev.Type == run.EventFinished {
		w.metrics.outcomes.WithLabelValues(ev.Outcome.State.Label()).Inc()
	}
	if ev.Type == run.EventReturned {
		w.metrics.returns.WithLabelValues(run.ReasonLabel(ev.Reason)).Inc()
	}
	if ev.Type == run.EventDropped {
		w.metrics.drops.WithLabelValues(run.ReasonLabel(ev.Reason)).Inc()
	}
}

func (w *worker) forgetRunner(k run.Key) {
	if cancel := w.running[k]; cancel != nil {
		cancel(nil)
		delete(w.running, k)
	}
}

// killAll ends what no longer can be reported.
func (w *worker) killAll() {
	for _, cancel := range w.running {
		cancel(errors.New(run.ReasonDraining))
	}
}

// feed wakes the claimers that may poll again.
func (w *worker) feed() {
	for q, woken := range w.starved {
		if w.state.Hungry(q, w.now()) {
			close(woken)
			delete(w.starved, q)
		}
	}
}

// tell gives the loop an input; once the loop has ended, nobody wants it.
func (w *worker) tell(in claim.Input) {
	select {
	case w.asks <- ask{in: in}:
	case <-w.stopped:
	}
}

// inLoop has the loop call f, and waits for it. It reports false, without
// having called f, if the loop has ended.
func (w *worker) inLoop(f func()) bool {
	done := make(chan struct{})
	select {
	case w.asks <- ask{call: func() { f(); close(done) }}:
	case <-w.stopped:
		return false
	}
	select {
	case <-done:
		return true
	case <-w.stopped:
	}
	select {
	case <-done: // it was the last that the loop did
		return true
	default:
		return false
	}
}

package worker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/run"
)

// What was told before a call is known to it, however much the loop has to do:
// a claim that was aborted is not in progress when its runs are decided anew.
func TestCallsSeeWhatWasToldBefore(t *testing.T) {
	w := &worker{
		state: claim.New(claim.Config{Slots: 1}), asks: make(chan ask, 256), stopped: make(chan struct{}),
	}
	busy, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for a := range w.asks {
			w.take(a)
		}
	}()
	polled := []claim.Polled{{Run: run.Run{ID: "a", Fence: 1}}}
	for range 2000 {
		var said claim.Claim
		require.True(t, w.inLoop(func() { said = w.state.Decide(run.QueueRuns, polled, claim.Now{}) }))
		require.Equal(t, run.EventClaimed, said.Verdicts[0].Event)
		w.asks <- ask{call: func() { <-busy }}
		w.tell(claim.Unclaimed{Queue: said.Queue, Number: said.Number})
		held := make(chan int, 1)
		w.asks <- ask{call: func() {
			b := w.state.Beat(claim.Now{})
			held <- b.Runs
		}}
		busy <- struct{}{}
		require.Zero(t, <-held)
	}
	close(w.asks)
	<-ended
}

func TestTooManySlots(t *testing.T) {
	_, err := newWorker(Options{Name: "w1", Queues: []run.Queue{run.QueueRuns}, Slots: claim.MaxSlots + 1})
	require.ErrorContains(t, err, "worker w1: 10001 slots for runs are more than one worker can have: give it at most 10000")
}

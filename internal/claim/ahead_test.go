package claim_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// halfAMinute is a worker that holds a thousand runs for each of the next 30
// seconds: they come in batches as eight shards stage them, from whichever
// partition the claimer polls next. One run in 500 takes minutes.
type halfAMinute struct {
	state  *claim.State
	now    claim.Now
	dice   *rand.Rand
	staged time.Duration
	queued []claim.Polled
	ends   map[time.Duration][]run.Key
	told   []claim.Input // what is acknowledged by the next tick
	starts int
	late   time.Duration
}

const (
	perSecond = 1000
	ahead     = 30 * time.Second
	tick      = 20 * time.Millisecond
)

func newHalfAMinute() *halfAMinute {
	w := &halfAMinute{
		state: claim.New(claim.Config{Name: "w1", Cluster: "cluster-a", Slots: 64, RetrySlots: 1}),
		now:   claim.Now{Wall: start(), Mono: time.Hour}, dice: rand.New(rand.NewPCG(1, 2)),
		ends: map[time.Duration][]run.Key{},
	}
	w.staged = w.now.Mono
	w.step(claim.BeatAcked{Sent: w.now.Mono}, claim.ControlRead{Asked: w.now.Mono})
	return w
}

// pass lives through d: what a shell tells, each 20 ms, with claims that take 60.
func (w *halfAMinute) pass(d time.Duration) {
	for end := w.now.Mono + d; w.now.Mono < end; {
		w.now = claim.Now{Wall: w.now.Wall.Add(tick), Mono: w.now.Mono + tick}
		w.stage()
		inputs := append(w.told, claim.Tick{})
		w.told = nil
		if w.now.Mono%time.Second < tick {
			inputs = append(inputs, claim.BeatAcked{Sent: w.now.Mono}, claim.ControlRead{Asked: w.now.Mono})
		}
		for _, k := range w.ends[w.now.Mono] {
			inputs = append(inputs, claim.Exited{Key: k, Outcome: run.Outcome{State: run.StateSucceeded}})
		}
		delete(w.ends, w.now.Mono)
		w.step(inputs...)
		if w.now.Mono%(3*tick) < tick {
			w.claim()
		}
	}
}

// stage puts on the queue what is due a lead from now, in the order of shards.
func (w *halfAMinute) stage() {
	for w.staged < w.now.Mono+tick {
		due := w.now.Wall.Add(w.staged - w.now.Mono + ahead)
		id := run.ID(fmt.Sprintf("66a0ad2f-e4e6-596f-8a9e-%012d", int64(w.staged)))
		r := run.Run{
			ID: id, Job: "nightly-report-" + string(id)[30:], Cluster: "cluster-a", Fence: 412, Attempt: 1,
			Due: due, NotBefore: due, StagedAt: due.Add(-ahead), Trigger: run.TriggerSchedule,
			Command: []string{"/bin/sh", "-c", "make report"}, OnLost: job.LostRetry,
		}
		w.queued = append(w.queued, claim.Polled{Run: r, Size: 450})
		w.staged += time.Second / perSecond
	}
}

func (w *halfAMinute) claim() {
	n := min(w.state.Limit(run.QueueRuns, w.now), len(w.queued))
	if n == 0 {
		return
	}
	polled := w.queued[:n]
	// Eight shards commit when they come to it.
	w.dice.Shuffle(n, func(i, j int) { polled[i], polled[j] = polled[j], polled[i] })
	c := w.state.Decide(run.QueueRuns, polled, w.now)
	w.queued = w.queued[n:]
	w.step(claim.ControlRead{Asked: w.now.Mono}, claim.Claimed{Queue: c.Queue, Number: c.Number})
}

func (w *halfAMinute) step(inputs ...claim.Input) {
	for _, e := range w.state.Steps(inputs, w.now) {
		switch e := e.(type) {
		case claim.SendStarting:
			w.told = append(w.told, claim.StartingAcked{Key: e.Run.Key()})
		case claim.Exec:
			w.starts++
			w.late = max(w.late, w.now.Wall.Sub(e.Run.NotBefore))
			takes := tick
			if w.dice.IntN(500) == 0 && w.now.Mono%time.Second < 500*time.Millisecond {
				takes = time.Duration(1+w.dice.IntN(20)) * time.Second
			}
			w.ends[w.now.Mono+takes] = append(w.ends[w.now.Mono+takes], e.Run.Key())
		case claim.SendFinished:
			w.told = append(w.told, claim.Settled{Key: e.Run.Key()})
		}
	}
}

// Half a minute of a thousand runs a second is held in rows of numbers: a beat
// with their keys would be 1.2 MB. No run is felt for it.
func TestBeatOfHalfAMinute(t *testing.T) {
	w := newHalfAMinute()
	w.pass(40 * time.Second)
	largest, rows := 0, 0
	for range 20 {
		w.pass(time.Second + tick)
		b := w.state.Beat(w.now)
		require.Zero(t, b.Claims.Unlisted)
		require.InDelta(t, perSecond*ahead.Seconds(), b.Runs, 500)
		encoded, err := json.Marshal(b.Claims)
		require.NoError(t, err)
		largest, rows = max(largest, len(encoded)), max(rows, len(b.Claims.Held)+len(b.Claims.Started))
	}
	t.Logf("figure: a beat of 30,000 runs held lists them in %d bytes, %d rows", largest, rows)
	require.Less(t, largest, 20_000)
	require.Greater(t, w.starts, 25*perSecond)
	require.LessOrEqual(t, w.late, 2*tick)
}

// BenchmarkHalfAMinute is what the state costs for each run at that load, and
// what it keeps of each that it holds.
func BenchmarkHalfAMinute(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := newHalfAMinute()
	w.pass(30 * time.Second)
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := w.state.Beat(w.now).Runs
	for b.Loop() {
		w.pass(time.Second)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/perSecond, "µs/run")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(held), "B/held")
}

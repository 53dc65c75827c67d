package claim_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestSafety drives the state with every order of events that a shell, Kafka
// and two clocks can bring about, and checks each effect against what a
// worker must never do.
func TestSafety(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWitness(t)
		t.Repeat(map[string]func(*rapid.T){
			"poll":    w.poll,
			"end":     w.endClaim,
			"ack":     w.ackStarting,
			"refuse":  w.refuse,
			"exit":    w.exit,
			"settle":  w.settle,
			"late":    w.lateEnd,
			"again":   w.again,
			"beat":    w.beat,
			"hear":    w.hear,
			"confirm": w.confirm,
			"pass":    w.pass,
			"jump":    w.jump,
			"control": w.control,
			"free":    w.free,
		})
		w.finish()
	})
}

// witness knows what happened and checks what the state makes of it.
type witness struct {
	t        *rapid.T
	state    *claim.State
	now      claim.Now
	slots    map[run.Queue]int
	lastBeat time.Duration
	lastRead time.Duration // when the end of control was looked up that it was read to
	next     int
	all      map[run.Key]*watched
	claiming map[run.Queue][]run.Key
	open     map[run.Queue]claim.Claim
	lost     []run.Run // of claims that were not committed
	words    map[run.ID]int64
	number   int64 // of the latest claim
}

// watched is the life of one handing-out as seen from outside.
type watched struct {
	run      run.Run
	queue    run.Queue
	polledAt time.Duration
	committed, sent, acked, executing,
	executed, recalled, cancelled, killed, last, settled bool
	gapSeen     bool // out of touch since it was polled
	number      int64
	unconfirmed bool
}

func newWitness(t *rapid.T) *witness {
	w := &witness{
		t:        t,
		now:      claim.Now{Wall: start(), Mono: time.Hour},
		slots:    map[run.Queue]int{},
		lastBeat: time.Hour,
		all:      map[run.Key]*watched{},
		claiming: map[run.Queue][]run.Key{},
		open:     map[run.Queue]claim.Claim{},
		words:    map[run.ID]int64{},
	}
	w.slots[run.QueueRuns] = rapid.IntRange(1, 3).Draw(t, "slots")
	w.slots[run.QueueRetries] = rapid.IntRange(0, 2).Draw(t, "retry slots")
	w.state = claim.New(claim.Config{
		Name: "w1", Cluster: "cluster-a", Slots: w.slots[run.QueueRuns], RetrySlots: w.slots[run.QueueRetries], Ahead: 20,
	})
	w.step(claim.BeatAcked{Sent: w.now.Mono})
	w.hear(nil)
	return w
}

func (w *witness) poll(t *rapid.T) {
	queue := rapid.SampledFrom([]run.Queue{run.QueueRuns, run.QueueRetries}).Draw(t, "queue")
	limit := w.state.Limit(queue, w.now)
	if limit == 0 || len(w.claiming[queue]) > 0 {
		t.Skip("nothing to poll")
	}
	var polled []claim.Polled
	for range rapid.IntRange(1, min(limit, 6)).Draw(t, "polled") {
		polled = append(polled, claim.Polled{
			Run: w.newRun(t), Doubted: rapid.IntRange(0, 9).Draw(t, "doubted") == 0,
			At: w.now.Wall.Add(-time.Duration(rapid.SampledFrom([]int{0, 0, 0, 59, 61}).Draw(t, "written s")) * time.Second),
		})
	}
	w.decide(queue, polled)
}

// again polls a run once more whose claim was not committed.
func (w *witness) again(t *rapid.T) {
	if len(w.lost) == 0 || len(w.claiming[run.QueueRuns]) > 0 {
		t.Skip("none was lost")
	}
	again := w.lost
	w.lost = nil
	var polled []claim.Polled
	for _, r := range again {
		polled = append(polled, claim.Polled{Run: r})
	}
	w.decide(run.QueueRuns, polled)
}

// decide has the state decide, and checks what it says. Nothing is claimed in
// a silence, but a poll may have begun before it.
func (w *witness) decide(queue run.Queue, polled []claim.Polled) {
	c := w.state.Decide(queue, polled, w.now)
	w.open[queue] = c
	w.must(len(c.Verdicts) == len(polled), "not as many verdicts as runs", polled[0].Run.Key())
	for i, v := range c.Verdicts {
		r, k := polled[i].Run, polled[i].Run.Key()
		old := polled[i].Doubted || w.now.Wall.Sub(polled[i].At) > claim.ConfirmAfter && !polled[i].At.IsZero() ||
			w.now.Wall.Sub(r.StagedAt) > claim.ConfirmAfter
		switch v.Event {
		case run.EventClaimed:
			w.must(r.Fence > w.words[r.ID], "claimed what was asked back", k)
			w.must(v.Confirm == old, "asked for a word about a young run, or not about an old one", k)
			w.number++
			w.must(v.Number == w.number, "has not the next number", k)
			w.all[k] = &watched{run: r, queue: queue, polledAt: w.now.Mono, unconfirmed: v.Confirm, number: v.Number}
			w.claiming[queue] = append(w.claiming[queue], k)
		case run.EventReturned:
			w.must(v.Reason == run.ReasonNoSlot && r.Hops < claim.MaxHops || v.Reason == run.ReasonUnconfirmed && old,
				"handed on too often", k)
		case run.EventDropped:
			w.must(r.Fence <= w.words[r.ID], "dropped what nobody asked back", k)
		default:
			w.must(false, "skipped a new run", k)
		}
		ev, said := author().Decided(v, &r, 7, w.now.Wall)
		w.must(said && ev.By == "w1" && ev.Incarnation == 5 && ev.Key() == k, "says not who says it", k)
	}
}

func author() claim.Author { return claim.Author{Name: "w1", Incarnation: 5} }

func (w *witness) newRun(t *rapid.T) run.Run {
	w.next++
	lead := time.Duration(rapid.SampledFrom([]int{0, 0, 100, 1000, 5000, 30_000}).Draw(t, "lead ms")) * time.Millisecond
	r := run.Run{
		ID: run.ID(fmt.Sprintf("r%d", w.next)), Fence: int64(rapid.IntRange(1, 3).Draw(t, "fence")),
		NotBefore: w.now.Wall.Add(lead), StagedAt: w.now.Wall,
		Hops:   rapid.IntRange(0, claim.MaxHops).Draw(t, "hops"),
		OnLost: rapid.SampledFrom([]job.OnLost{job.LostRetry, job.LostFail}).Draw(t, "on lost"),
	}
	if rapid.Bool().Draw(t, "deadline") {
		r.Deadline = r.NotBefore.Add(time.Second)
	}
	return r
}

func (w *witness) endClaim(t *rapid.T) {
	for _, queue := range []run.Queue{run.QueueRuns, run.QueueRetries} {
		keys := w.claiming[queue]
		if len(keys) == 0 {
			continue
		}
		delete(w.claiming, queue)
		end := w.open[queue]
		if rapid.IntRange(0, 4).Draw(t, "aborted") == 0 {
			w.lose(queue, keys)
			w.step(claim.Unclaimed{Queue: queue, Number: end.Number})
			continue
		}
		for _, k := range keys {
			w.all[k].committed = true
		}
		w.step(claim.Claimed{Queue: queue, Number: end.Number})
	}
}

// lose notes that a claim was not committed: its runs come again.
func (w *witness) lose(queue run.Queue, keys []run.Key) {
	for _, k := range keys {
		if queue == run.QueueRuns {
			w.lost = append(w.lost, w.all[k].run)
		}
		delete(w.all, k)
	}
}

// lateEnd tells the end of a claim only after the next was decided: it is out
// of date, whatever it says.
func (w *witness) lateEnd(t *rapid.T) {
	keys := w.claiming[run.QueueRuns]
	if len(keys) == 0 {
		t.Skip("nothing is being claimed")
	}
	end := w.open[run.QueueRuns]
	delete(w.claiming, run.QueueRuns)
	w.lose(run.QueueRuns, keys)
	w.again(t)
	if rapid.Bool().Draw(t, "committed") {
		w.step(claim.Claimed{Queue: run.QueueRuns, Number: end.Number})
	} else {
		w.step(claim.Unclaimed{Queue: run.QueueRuns, Number: end.Number})
	}
}

func (w *witness) ackStarting(t *rapid.T) {
	x := w.pick(t, func(x *watched) bool { return x.sent && !x.acked && !x.last })
	if rapid.IntRange(0, 3).Draw(t, "failed") == 0 {
		w.step(claim.StartingFailed{Key: x.run.Key()})
		return
	}
	x.acked = true
	w.step(claim.StartingAcked{Key: x.run.Key()})
}

func (w *witness) refuse(t *rapid.T) {
	x := w.pick(t, func(x *watched) bool { return x.executing })
	x.executing, x.executed = false, false
	w.step(claim.Refused{Key: x.run.Key()})
}

func (w *witness) exit(t *rapid.T) {
	x := w.pick(t, func(x *watched) bool { return x.executing })
	x.executing = false
	w.step(claim.Exited{Key: x.run.Key(), Outcome: run.Outcome{State: run.StateSucceeded}})
	w.must(x.last, "exited and not reported", x.run.Key())
}

func (w *witness) settle(t *rapid.T) {
	x := w.pick(t, func(x *watched) bool { return x.last && !x.settled })
	x.settled = true
	w.step(claim.Settled{Key: x.run.Key()})
}

func (w *witness) beat(t *rapid.T) {
	sent := max(w.lastBeat, w.now.Mono-time.Duration(rapid.IntRange(0, 1500).Draw(t, "ago ms"))*time.Millisecond)
	w.noteGap()
	w.lastBeat = sent
	w.step(claim.BeatAcked{Sent: sent})
	w.checkBeat()
}

// hear has control read to an end that was looked up a while ago.
func (w *witness) hear(t *rapid.T) {
	asked := w.now.Mono
	if t != nil {
		asked = max(w.lastRead, asked-time.Duration(rapid.IntRange(0, 1500).Draw(t, "ago ms"))*time.Millisecond)
	}
	w.noteGap()
	w.lastRead = asked
	w.step(claim.ControlRead{Asked: asked})
}

// confirm gives the shard's word about a run, or about another's claim of it.
func (w *witness) confirm(t *rapid.T) {
	x := w.pick(t, func(x *watched) bool { return x.unconfirmed && !x.last })
	of := rapid.SampledFrom([]string{"w1", "", "w2"}).Draw(t, "whose")
	x.unconfirmed = of == "w2"
	w.step(claim.Controlled{Control: run.Control{Type: run.ControlConfirm, Run: x.run.ID, Fence: x.run.Fence, Member: of}})
}

// checkBeat sees that the numbers in the beat are those of our runs, split by
// whether they were announced.
func (w *witness) checkBeat() {
	b := w.state.Beat(w.now)
	want := map[bool][]int64{}
	for _, x := range w.all {
		if !x.settled {
			want[x.sent] = append(want[x.sent], x.number)
		}
	}
	slices.Sort(want[false])
	slices.Sort(want[true])
	if held, started := numbers(b.Claims.Held), numbers(b.Claims.Started); !slices.Equal(held, want[false]) || !slices.Equal(started, want[true]) {
		w.t.Fatalf("the beat says held %v, started %v; it is held %v, started %v", held, started, want[false], want[true])
	}
	if b.Claims.Last != w.number || b.Claims.Unlisted != 0 || b.Runs != len(want[false])+len(want[true]) {
		w.t.Fatalf("the beat says that %d was the last number, and of %d runs; it was %d", b.Claims.Last, b.Runs, w.number)
	}
}

// numbers lists what is in the ranges.
func numbers(ranges []run.Row) []int64 {
	var all []int64
	for _, r := range ranges {
		for n := r[0]; n <= r[1]; n++ {
			all = append(all, n)
		}
	}
	return all
}

// pass lets time pass, waking as asked: nothing may happen before that.
func (w *witness) pass(t *rapid.T) {
	d := time.Duration(rapid.SampledFrom([]int{1, 50, 250, 1000, 3000, 30000}).Draw(t, "pass ms")) * time.Millisecond
	if in, ok := w.state.Wake(w.now); ok && in <= d {
		d = in
	} else if early := w.state.Step(claim.Tick{}, w.later(d-1)); len(early) > 0 {
		t.Fatalf("%T happens before Wake", early[0])
	}
	w.now = w.later(d)
	w.step(claim.Tick{})
}

func (w *witness) later(d time.Duration) claim.Now {
	return claim.Now{Wall: w.now.Wall.Add(d), Mono: w.now.Mono + d}
}

func (w *witness) jump(t *rapid.T) {
	w.now.Wall = w.now.Wall.Add(time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "jump s")) * time.Second)
	w.step(claim.Tick{})
}

func (w *witness) control(t *rapid.T) {
	x := w.pick(t, func(x *watched) bool { return !x.settled })
	c := run.Control{
		Type: rapid.SampledFrom([]run.ControlType{run.ControlRecall, run.ControlCancel}).Draw(t, "type"), At: w.now.Wall,
		Run: x.run.ID, Fence: int64(rapid.IntRange(1, 3).Draw(t, "fence")), Reason: "said so",
	}
	if c.Fence >= x.run.Fence {
		x.cancelled = x.cancelled || c.Type == run.ControlCancel
		x.recalled = x.recalled || !x.sent
	}
	w.words[x.run.ID] = max(w.words[x.run.ID], c.Fence)
	executing, killed := x.executing, x.killed
	w.step(claim.Controlled{Control: c})
	if executing && !killed && c.Type == run.ControlCancel && c.Fence >= x.run.Fence {
		w.must(x.killed, "cancelled and not killed", x.run.Key())
	}
}

func (w *witness) free(t *rapid.T) {
	w.step(claim.Controlled{Control: run.Control{
		Type: run.ControlFree, Cluster: "cluster-a", FreeSlots: rapid.IntRange(0, 5).Draw(t, "free"),
	}})
}

// finish drains, and sees that everything comes to its end.
func (w *witness) finish() {
	w.step(claim.Drain{})
	for _, queue := range []run.Queue{run.QueueRuns, run.QueueRetries} {
		for _, k := range w.claiming[queue] {
			w.all[k].committed = true
		}
		w.step(claim.Claimed{Queue: queue, Number: w.open[queue].Number})
	}
	w.step(claim.DrainExpired{})
	for _, k := range slices.SortedFunc(maps.Keys(w.all), compareKeys) {
		x := w.all[k]
		if x.executing {
			w.must(x.killed, "left running", k)
			x.executing = false
			w.step(claim.Exited{Key: k, Outcome: run.Outcome{State: run.StateCancelled}})
		}
		w.must(x.last, "claimed and forgotten", k)
		w.step(claim.Settled{Key: k})
	}
	if !w.state.Done() {
		w.t.Fatal("drained and not done")
	}
}

// step steps and checks what comes of it.
func (w *witness) step(in claim.Input) {
	w.noteGap()
	for _, e := range w.state.Step(in, w.now) {
		w.check(e)
	}
	used, announced := map[run.Queue]int{}, map[run.Queue]int{}
	for _, x := range w.all {
		switch {
		case x.executing:
			used[x.queue]++
		case x.sent && !x.executed && !x.last:
			announced[x.queue]++
		}
	}
	for queue, slots := range w.slots {
		if used[queue] > slots {
			w.t.Fatalf("%d of %d slots of %s taken", used[queue], slots, queue)
		}
		if all := used[queue] + announced[queue]; all > 2*slots {
			w.t.Fatalf("%d runs announced or executed on %d slots of %s", all, slots, queue)
		}
	}
}

// noteGap marks the runs that a shard may have placed anew.
func (w *witness) noteGap() {
	if w.now.Mono-min(w.lastBeat, w.lastRead) > claim.OutOfTouch {
		for _, x := range w.all {
			x.gapSeen = true
		}
	}
}

func (w *witness) check(e claim.Effect) {
	if ev, r, ok := author().Report(e, w.now.Wall); ok {
		w.must(ev.By == "w1" && ev.Incarnation == 5 && ev.Key() == r.Key(), "says not who says it", r.Key())
	}
	switch e := e.(type) {
	case claim.SendStarting:
		x := w.all[e.Run.Key()]
		w.must(x.committed && !x.last && !x.executed, "announced out of turn", e.Run.Key())
		w.must(!x.recalled, "announced though recalled", e.Run.Key())
		w.must(!x.unconfirmed, "announced though nobody said that it still counts", e.Run.Key())
		w.must(w.lastRead >= x.polledAt && w.now.Mono-w.lastRead <= claim.ControlFresh, "announced without knowing control", e.Run.Key())
		x.sent = true
	case claim.Exec:
		w.checkExec(w.all[e.Run.Key()])
	case claim.Kill:
		x := w.all[e.Key]
		w.must(x.executing && !x.killed, "killed out of turn", e.Key)
		x.killed = true
	case claim.SendFinished:
		w.checkLast(e.Run.Key(), true)
		x := w.all[e.Run.Key()]
		w.must(x.executed || x.cancelled, "finished what never ran", e.Run.Key())
	case claim.SendReturned:
		w.checkLast(e.Run.Key(), false)
	case claim.SendDropped:
		w.checkLast(e.Run.Key(), false)
	}
}

func (w *witness) checkExec(x *watched) {
	k := x.run.Key()
	w.must(x.committed, "executed unclaimed", k)
	w.must(x.sent && x.acked, "executed unannounced", k)
	w.must(!x.executed && !x.last, "executed twice, or given away", k)
	w.must(!x.recalled && !x.cancelled, "executed though recalled or cancelled", k)
	w.must(w.now.Mono-w.lastBeat <= claim.InTouch, "executed on an old beat", k)
	w.must(w.lastRead >= x.polledAt && w.now.Mono-w.lastRead <= claim.ControlFresh, "executed without knowing control", k)
	w.must(!x.gapSeen, "executed though a shard may have placed it anew", k)
	lead := max(0, x.run.NotBefore.Sub(x.run.StagedAt))
	w.must(!w.now.Wall.Before(x.run.NotBefore) || w.now.Mono-x.polledAt >= lead, "executed before due", k)
	x.executing, x.executed = true, true
}

func (w *witness) checkLast(k run.Key, mayHaveRun bool) {
	x := w.all[k]
	w.must(x.committed, "reported unclaimed", k)
	w.must(!x.last, "reported twice", k)
	w.must(!x.executing, "reported while it runs", k)
	w.must(mayHaveRun || !x.executed, "given away after it ran", k)
	x.last = true
}

func (w *witness) must(ok bool, what string, k run.Key) {
	if !ok {
		w.t.Fatalf("%s: %s", k, what)
	}
}

// pick draws one of the runs that fit, or skips.
func (w *witness) pick(t *rapid.T, fits func(*watched) bool) *watched {
	var keys []run.Key
	for k, x := range w.all {
		if fits(x) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		t.Skip("no run fits")
	}
	slices.SortFunc(keys, compareKeys)
	return w.all[rapid.SampledFrom(keys).Draw(t, "run")]
}

func compareKeys(a, b run.Key) int {
	if a.String() < b.String() {
		return -1
	}
	return 1
}

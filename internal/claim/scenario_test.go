package claim_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestScenarios plays testdata/scenarios/*.txt. Times count from the start of the
// scenario; a run is named ID:fence. Beats are sent each second and
// acknowledged at once until `silence`, and control is read to its end with them
// and with each claim until `deaf`; with `prompt`, events are
// acknowledged at once too. `frozen` lets time pass unseen. Rewrite the traces with -rewrite.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		p := &player{t: t, beating: true}
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string {
			p.trace.Reset()
			p.play(d)
			if p.trace.Len() == 0 {
				return "nothing\n"
			}
			return p.trace.String()
		})
	})
}

// player is a worker without hands: it prints what it is told to do.
type player struct {
	t        *testing.T
	state    *claim.State
	mono     time.Duration
	jumped   time.Duration
	lastBeat time.Duration
	beating  bool
	deaf     bool
	prompt   bool
	open     map[run.Queue]claim.Claim
	numbers  map[int64]run.Key
	served   int
	trace    strings.Builder
}

func start() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }

func (p *player) now() claim.Now {
	return claim.Now{Wall: start().Add(p.mono + p.jumped), Mono: p.mono}
}

func (p *player) play(d *datadriven.TestData) {
	switch d.Cmd {
	case "worker":
		c := claim.Config{Name: "w1", Cluster: "cluster-a", Slots: 1, RetrySlots: 1}
		d.MaybeScanArgs(p.t, "slots", &c.Slots)
		d.MaybeScanArgs(p.t, "retry-slots", &c.RetrySlots)
		d.MaybeScanArgs(p.t, "ahead", &c.Ahead)
		p.state, p.prompt, p.open = claim.New(c), d.HasArg("prompt"), map[run.Queue]claim.Claim{}
		p.numbers = map[int64]run.Key{}
		p.beating, p.deaf, p.lastBeat = true, false, p.mono
		p.beat(p.mono)
	case "at":
		p.advanceTo(duration(p.t, d.CmdArgs[0].Key))
	case "jump":
		p.jumped += duration(p.t, d.CmdArgs[0].Key)
		p.step(claim.Tick{})
	case "silence":
		p.beating = false
	case "frozen":
		p.mono = duration(p.t, d.CmdArgs[0].Key)
	case "beat":
		sent := p.mono
		if d.HasArg("sent") {
			sent = p.scanDuration(d, "sent")
		}
		p.beating, p.lastBeat = !d.HasArg("once"), sent
		p.beat(sent)
	case "deaf":
		p.deaf = true
	case "heard":
		asked := p.mono
		if d.HasArg("asked") {
			asked = p.scanDuration(d, "asked")
		}
		p.deaf = d.HasArg("once")
		p.step(claim.ControlRead{Asked: asked})
	case "limit":
		fmt.Fprintf(&p.trace, "runs %d, retries %d\n",
			p.state.Limit(run.QueueRuns, p.now()), p.state.Limit(run.QueueRetries, p.now()))
	case "acknowledge":
		p.acknowledge(d)
	case "says":
		b := p.state.Beat(p.now())
		fmt.Fprintf(&p.trace, "free %d, retries %d; held %v; started %v\n",
			b.FreeSlots, b.FreeRetrySlots, p.named(b.Claims.Held), p.named(b.Claims.Started))
		if !b.ClaimsRuns || !b.ClaimsRetries {
			fmt.Fprintf(&p.trace, "claims runs %t, retries %t\n", b.ClaimsRuns, b.ClaimsRetries)
		}
	case "done":
		fmt.Fprintln(&p.trace, p.state.Done())
	default:
		p.playInput(d)
	}
}

func (p *player) playInput(d *datadriven.TestData) {
	switch d.Cmd {
	case "claim", "poll":
		p.claim(d)
	case "committed":
		c := p.scanClaim(d)
		p.hear()
		p.step(claim.Claimed{Queue: c.Queue, Number: c.Number})
	case "aborted":
		c := p.scanClaim(d)
		p.step(claim.Unclaimed{Queue: c.Queue, Number: c.Number})
	case "acked":
		p.step(claim.StartingAcked{Key: p.key(d)})
	case "failed":
		p.step(claim.StartingFailed{Key: p.key(d)})
	case "refused":
		p.step(claim.Refused{Key: p.key(d)})
	case "exit":
		o := run.Outcome{State: run.StateSucceeded}
		if d.HasArg("killed") {
			o = run.Outcome{State: run.StateCancelled, ExitCode: -1}
		}
		p.step(claim.Exited{Key: p.key(d), Outcome: o})
	case "settled":
		p.step(claim.Settled{Key: p.key(d)})
	case "recall", "cancel", "confirm":
		k := p.key(d)
		c := run.Control{Type: run.ControlType(d.Cmd), At: p.now().Wall, Run: k.ID, Fence: k.Fence}
		d.MaybeScanArgs(p.t, "reason", &c.Reason)
		d.MaybeScanArgs(p.t, "member", &c.Member)
		p.step(claim.Controlled{Control: c})
	case "free":
		c := run.Control{Type: run.ControlFree, Cluster: "cluster-a"}
		d.MaybeScanArgs(p.t, "cluster", &c.Cluster)
		d.MaybeScanArgs(p.t, "slots", &c.FreeSlots)
		d.MaybeScanArgs(p.t, "retry-slots", &c.FreeRetrySlots)
		p.step(claim.Controlled{Control: c})
	case "drain":
		p.step(claim.Drain{})
	case "expire":
		p.step(claim.DrainExpired{})
	default:
		d.Fatalf(p.t, "unknown command %s", d.Cmd)
	}
}

// claim polls the runs of the input's lines, prints what is decided of each
// and, unless it is a mere poll, commits.
func (p *player) claim(d *datadriven.TestData) {
	queue := run.QueueRuns
	if d.HasArg("retries") {
		queue = run.QueueRetries
	}
	var polled []claim.Polled
	for line := range strings.Lines(d.Input) {
		polled = append(polled, p.parsePolled(line))
	}
	if d.HasArg("n") {
		p.claimMany(d, polled[0])
		return
	}
	c := p.state.Decide(queue, polled, p.now())
	p.open[queue] = c
	for i, v := range c.Verdicts {
		words := map[run.EventType]string{run.EventClaimed: "claim", run.EventReturned: "return", run.EventDropped: "drop", "": "skip"}
		said := v.Reason
		if v.Number > 0 {
			p.numbers[v.Number] = polled[i].Run.Key()
		}
		if v.Confirm {
			said = "confirm?"
		}
		p.say("%s %s %s", words[v.Event], polled[i].Run.Key(), said)
	}
	if d.Cmd == "claim" {
		p.hear()
		p.step(claim.Claimed{Queue: queue, Number: c.Number})
	}
}

// named returns the runs whose claims have those numbers.
func (p *player) named(numbers []run.Row) []string {
	var keys []string
	for _, r := range numbers {
		for n := r[0]; n <= r[1]; n++ {
			keys = append(keys, p.numbers[n].String())
		}
	}
	return keys
}

// claimMany claims n runs like one, and prints how many.
func (p *player) claimMany(d *datadriven.TestData, like claim.Polled) {
	n, said := 0, map[run.EventType]int{}
	d.ScanArgs(p.t, "n", &n)
	var polled []claim.Polled
	for i := range n {
		again := like
		again.Run.ID += run.ID(strconv.Itoa(i))
		polled = append(polled, again)
	}
	c := p.state.Decide(run.QueueRuns, polled, p.now())
	for _, v := range c.Verdicts {
		said[v.Event]++
	}
	p.say("%v", said)
	p.hear()
	p.step(claim.Claimed{Queue: c.Queue, Number: c.Number})
}

// acknowledge has n runs come and go that were acknowledged after a while.
func (p *player) acknowledge(d *datadriven.TestData) {
	n := 0
	d.ScanArgs(p.t, "n", &n)
	took := p.scanDuration(d, "took")
	for range n {
		p.served++
		r := p.parseRun(fmt.Sprintf("served%d:1 due=%s staged=%s", p.served, p.mono, p.mono))
		quiet := func(in claim.Input) { p.state.Step(in, p.now()) }
		c := p.state.Decide(run.QueueRuns, []claim.Polled{{Run: r}}, p.now())
		quiet(claim.ControlRead{Asked: p.mono})
		quiet(claim.Claimed{Queue: c.Queue, Number: c.Number})
		p.mono += took
		p.lastBeat = p.mono
		quiet(claim.BeatAcked{Sent: p.mono})
		quiet(claim.StartingAcked{Key: r.Key()})
		quiet(claim.Exited{Key: r.Key(), Outcome: run.Outcome{State: run.StateSucceeded}})
		quiet(claim.Settled{Key: r.Key()})
	}
}

// scanClaim returns the claim that ended: the queue's latest, or the one before.
func (p *player) scanClaim(d *datadriven.TestData) claim.Claim {
	c := p.open[run.QueueRuns]
	if d.HasArg("late") {
		c.Number--
	}
	return c
}

// hear has control read to its end, as the shell does after each decision.
func (p *player) hear() {
	if !p.deaf {
		p.step(claim.ControlRead{Asked: p.mono})
	}
}

// beat has a beat acknowledged, and control read to its end.
func (p *player) beat(sent time.Duration) {
	p.step(claim.BeatAcked{Sent: sent})
	if !p.deaf {
		p.step(claim.ControlRead{Asked: sent})
	}
}

// parsePolled reads a run, and what the shell knows of its record:
// "written=3s" by Kafka's clock, "doubted".
func (p *player) parsePolled(line string) claim.Polled {
	var of claim.Polled
	var rest []string
	for f := range strings.FieldsSeq(line) {
		at, written := strings.CutPrefix(f, "written=")
		switch {
		case written:
			of.At = start().Add(duration(p.t, at))
		case f == "doubted":
			of.Doubted = true
		default:
			rest = append(rest, f)
		}
	}
	of.Run = p.parseRun(strings.Join(rest, " "))
	return of
}

// parseRun reads "a:1 due=5s staged=0s deadline=6s hops=1 on_lost=retry".
func (p *player) parseRun(line string) run.Run {
	fields := strings.Fields(line)
	k := parseKey(p.t, fields[0])
	r := run.Run{
		ID: k.ID, Fence: k.Fence, Job: "job-" + string(k.ID), Attempt: 1, Cluster: "cluster-a",
		OnLost: job.LostFail, StagedAt: start(), NotBefore: start(),
	}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "due":
			r.NotBefore = start().Add(duration(p.t, value))
		case "staged":
			if r.StagedAt = (time.Time{}); value != "never" {
				r.StagedAt = start().Add(duration(p.t, value))
			}
		case "deadline":
			r.Deadline = start().Add(duration(p.t, value))
		case "hops":
			_, err := fmt.Sscan(value, &r.Hops)
			require.NoError(p.t, err)
		case "on_lost":
			r.OnLost = job.OnLost(value)
		default:
			require.Fail(p.t, "unknown field of a run", name)
		}
	}
	return r
}

// advanceTo lets time pass as the shell does: it wakes when asked to, and
// beats each second.
func (p *player) advanceTo(t time.Duration) {
	for p.mono < t {
		next := t
		if in, ok := p.state.Wake(p.now()); ok {
			next = min(next, p.mono+in)
		}
		if p.beating {
			next = min(next, p.lastBeat+time.Second)
		}
		p.mono = max(next, p.mono)
		if p.beating && p.mono == p.lastBeat+time.Second {
			p.lastBeat = p.mono
			p.beat(p.mono)
			continue
		}
		p.step(claim.Tick{})
	}
}

func (p *player) step(in claim.Input) {
	for _, e := range p.state.Step(in, p.now()) {
		p.print(e)
	}
}

func (p *player) print(e claim.Effect) {
	switch e := e.(type) {
	case claim.SendStarting:
		p.say("starting %s", e.Run.Key())
		if p.prompt {
			p.step(claim.StartingAcked{Key: e.Run.Key()})
		}
	case claim.Exec:
		p.say("exec     %s", e.Run.Key())
	case claim.Kill:
		p.say("kill     %s (%s)", e.Key, e.Reason)
	case claim.SendFinished:
		p.say("finished %s %s %s", e.Run.Key(), e.Outcome.State, e.Outcome.Reason)
		p.settle(e.Run.Key())
	case claim.SendReturned:
		p.say("returned %s (%s)", e.Run.Key(), e.Reason)
		p.settle(e.Run.Key())
	case claim.SendDropped:
		p.say("dropped  %s (%s)", e.Run.Key(), e.Reason)
		p.settle(e.Run.Key())
	}
}

func (p *player) settle(k run.Key) {
	if p.prompt {
		p.step(claim.Settled{Key: k})
	}
}

func (p *player) say(format string, args ...any) {
	line := fmt.Sprintf("%6.2fs %s", p.mono.Seconds(), fmt.Sprintf(format, args...))
	fmt.Fprintln(&p.trace, strings.TrimRight(line, " "))
}

func (p *player) key(d *datadriven.TestData) run.Key { return parseKey(p.t, d.CmdArgs[0].Key) }

func (p *player) scanDuration(d *datadriven.TestData, name string) time.Duration {
	var s string
	d.ScanArgs(p.t, name, &s)
	return duration(p.t, s)
}

func parseKey(t *testing.T, s string) run.Key {
	var k run.Key
	id, fence, ok := strings.Cut(s, ":")
	require.True(t, ok, "a run is named ID:fence, not %s", s)
	k.ID = run.ID(id)
	_, err := fmt.Sscan(fence, &k.Fence)
	require.NoError(t, err)
	return k
}

func duration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	require.NoError(t, err)
	return d
}

package claim_test

import (
	"fmt"
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
// acknowledged at once until `silence`; with `prompt`, events are
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
	prompt   bool
	trace    strings.Builder
}

func start() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }

func (p *player) now() claim.Now {
	return claim.Now{Wall: start().Add(p.mono + p.jumped), Mono: p.mono}
}

func (p *player) play(d *datadriven.TestData) {
	switch d.Cmd {
	case "worker":
		c := claim.Config{Cluster: "cluster-a", Slots: 1, RetrySlots: 1}
		d.MaybeScanArgs(p.t, "slots", &c.Slots)
		d.MaybeScanArgs(p.t, "retry-slots", &c.RetrySlots)
		d.MaybeScanArgs(p.t, "ahead", &c.Ahead)
		p.state, p.prompt = claim.New(c), d.HasArg("prompt")
		p.step(claim.BeatAcked{Sent: p.mono})
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
		p.step(claim.BeatAcked{Sent: sent})
	case "limit":
		fmt.Fprintf(&p.trace, "runs %d, retries %d\n",
			p.state.Limit(run.QueueRuns, p.now()), p.state.Limit(run.QueueRetries, p.now()))
	case "says":
		b := p.state.Beat(p.now())
		fmt.Fprintf(&p.trace, "free %d, retries %d; held %v; started %v\n",
			b.FreeSlots, b.FreeRetrySlots, b.Held, b.Started)
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
		p.step(claim.Claimed{Keys: []run.Key{p.key(d)}})
	case "aborted":
		p.step(claim.Unclaimed{Keys: []run.Key{p.key(d)}})
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
	case "recall", "cancel":
		k := p.key(d)
		c := run.Control{Type: run.ControlType(d.Cmd), Run: k.ID, Fence: k.Fence}
		d.MaybeScanArgs(p.t, "reason", &c.Reason)
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
	var polled []run.Run
	for line := range strings.Lines(d.Input) {
		polled = append(polled, p.parseRun(line))
	}
	var ours []run.Key
	for i, v := range p.state.Decide(queue, polled, p.now()) {
		p.say("%s %s", v, polled[i].Key())
		if v == claim.VerdictClaim {
			ours = append(ours, polled[i].Key())
		}
	}
	if d.Cmd == "claim" {
		p.step(claim.Claimed{Keys: ours})
	}
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
			p.step(claim.BeatAcked{Sent: p.mono})
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

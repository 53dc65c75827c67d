package sim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// The waits of a worker's shell (package worker).
const (
	reportRetry  = time.Second
	produceWait  = 1500 * time.Millisecond
	sessionRetry = 500 * time.Millisecond
)

// worker is one: its state, its claimers, and the commands it runs.
type worker struct {
	*node
	cluster     string
	slots       int
	retrySlots  int
	st          *claim.State
	incarnation int64
	born        time.Duration
	seq         int64
	beaten      time.Duration
	inFlight    bool
	control     *reader
	hearing     claim.Hearing
	heard       time.Duration // since when nothing is missing of control
	deaf        time.Duration // until when control does not reach it
	missed      []missed      // what came meanwhile, in its order
	mute        time.Duration // until when its beats do not arrive
	claimers    []*claimer
	running     map[run.Key]*process
	wakeAt      time.Duration
	draining    bool
}

// missed is what a deaf worker has yet to hear of control.
type missed struct {
	records []record
	next    int64
}

// process is a command that was started.
type process struct {
	r       run.Run
	started time.Duration
	over    bool
}

func (k *worker) start() {
	k.life++
	k.alive, k.frozen = true, 0
	k.incarnation = k.w.real(k.w.now).UnixNano()
	k.born, k.seq, k.beaten, k.inFlight, k.draining, k.wakeAt = k.w.now, 0, 0, false, false, 0
	k.hearing, k.heard, k.deaf, k.missed, k.mute = claim.Hearing{}, 0, 0, nil, 0
	k.st = claim.New(claim.Config{Name: k.name, Cluster: k.cluster, Slots: k.slots, RetrySlots: k.retrySlots})
	k.running = map[run.Key]*process{}
	k.w.trace(k.name, "", "", "starts, life %d", k.life)
	control := k.w.control(k.cluster)
	k.after(k.w.upTo(300*time.Millisecond), func() {
		at := control.stable()
		control.between(0, at, true, func(r *record) {
			if c := r.value.(run.Control); c.Type != run.ControlFree {
				k.step(claim.Controlled{Control: c})
			}
		})
		k.hear(k.hearing.Read(at))
		k.control = control.follow(&reader{n: k.node, next: at, committed: true, deliver: k.takeControl})
		k.claimers = []*claimer{{k: k, queue: run.QueueRuns}, {k: k, queue: run.QueueRetries}}
		k.tick(member.WorkerEvery, func() bool { k.beat(); return k.alive })
		k.tick(claim.ControlEvery, func() bool { k.lookUpControl(); return k.alive })
		for _, c := range k.claimers {
			c.begin()
		}
	})
}

// takeControl takes what was read of control. A worker that is deaf gets it
// later.
func (k *worker) takeControl(recs []record, next int64) {
	k.missed = append(k.missed, missed{recs, next})
	if len(k.missed) == 1 {
		k.catchUp()
	}
}

// catchUp takes what the worker missed, once it is not deaf any more.
func (k *worker) catchUp() {
	if k.deaf > k.w.now {
		k.after(k.deaf-k.w.now, k.catchUp)
		return
	}
	for _, m := range k.missed {
		for i := range m.records {
			k.step(claim.Controlled{Control: m.records[i].value.(run.Control)})
		}
		k.hear(k.hearing.Read(m.next))
	}
	k.missed = nil
}

// lookUpControl asks where control ends.
func (k *worker) lookUpControl() {
	asked := k.mono()
	if k.w.mutant.ControlUnread {
		k.hear(asked, true)
	}
	k.call(func(answer func(func())) {
		end := k.w.control(k.cluster).high
		answer(func() { k.hear(k.hearing.Ended(asked, end)) })
	})
}

func (k *worker) hear(asked time.Duration, news bool) {
	if news {
		k.heard = max(k.heard, asked)
		k.step(claim.ControlRead{Asked: asked})
	}
}

func (k *worker) author() claim.Author {
	return claim.Author{Name: k.name, Incarnation: k.incarnation}
}

func (k *worker) now() claim.Now { return claim.Now{Wall: k.wall(), Mono: k.mono()} }

func (k *worker) mono() time.Duration { return k.w.now - k.born }

// crash ends the process; its commands may go with it or not.
func (k *worker) crash() {
	k.alive = false
	if k.control != nil {
		k.control.close()
	}
	for _, c := range k.claimers {
		c.close()
	}
	for _, p := range k.running {
		if k.w.cfg.Survivors == 0 {
			p.over = true
		}
	}
}

// drain has the worker give back what it has not started and leave when the
// rest has ended.
func (k *worker) drain() {
	k.draining = true
	for _, c := range k.claimers {
		c.stop()
	}
	k.step(claim.Drain{})
	k.after(20*time.Second, func() { k.step(claim.DrainExpired{}) })
}

func (k *worker) farewell() {
	b := k.describe()
	b.Leaving = true
	k.w.produce(k.node, k.w.partition("members", 0), record{key: b.ID, value: b}, func(error) {})
	k.alive = false
	k.w.trace(k.name, "", "", "leaves")
	if k.control != nil {
		k.control.close()
	}
}

func (k *worker) beat() {
	sent := k.mono()
	if k.w.mutant.BeatUnacked {
		k.beaten = sent
		k.step(claim.BeatAcked{Sent: sent})
	}
	if k.inFlight || k.claimers == nil || k.mute > k.w.now {
		return
	}
	k.inFlight = true
	b := k.describe()
	k.w.produce(k.node, k.w.partition("members", 0), record{key: b.ID, value: b}, func(err error) {
		k.inFlight = false
		if err == nil {
			k.beaten = sent
			k.step(claim.BeatAcked{Sent: sent})
		}
	})
}

func (k *worker) describe() member.Beat {
	for _, c := range k.claimers {
		c.comeRound()
	}
	said := k.st.Beat(k.now())
	k.seq++
	b := member.Beat{
		ID: k.name, Role: member.RoleWorker, Incarnation: k.incarnation, Seq: k.seq, Cluster: k.cluster,
		Claims: k.w.mutant.claims(said.Claims), Unlisted: said.Runs,
		Runs:    member.Slots{Total: k.slots, Free: said.FreeSlots},
		Retries: member.Slots{Total: k.retrySlots, Free: said.FreeRetrySlots},
	}
	for _, c := range k.claimers {
		if able := c.queue == run.QueueRuns && said.ClaimsRuns || c.queue == run.QueueRetries && said.ClaimsRetries; !able {
			continue
		}
		if c.queue == run.QueueRuns {
			b.Runs.Partitions = c.partitions()
		} else {
			b.Retries.Partitions = c.partitions()
		}
	}
	return b
}

func (k *worker) step(in claim.Input) {
	for _, in := range k.w.mutant.claimInput(in) {
		for _, e := range k.st.Step(in, k.now()) {
			k.perform(e)
		}
	}
	if k.draining && k.st.Done() && k.alive {
		k.farewell()
		return
	}
	for _, c := range k.claimers {
		c.kick()
	}
	k.arm()
}

// arm has the state woken when it asks to be.
func (k *worker) arm() {
	in, ok := k.st.Wake(k.now())
	at := k.w.now + in
	if !ok || k.wakeAt > k.w.now && k.wakeAt <= at {
		return
	}
	k.wakeAt = at
	k.after(in, func() {
		if k.wakeAt == at {
			k.wakeAt = 0
			k.step(claim.Tick{})
		}
	})
}

func (k *worker) perform(e claim.Effect) {
	switch e := e.(type) {
	case claim.SendStarting:
		if k.w.mutant.StartUnacked {
			k.after(0, func() { k.step(claim.StartingAcked{Key: e.Run.Key()}) })
		}
		ev, _, _ := k.author().Report(e, k.wall())
		k.report(ev, e.Run.Shard, func(err error) {
			if err != nil {
				k.step(claim.StartingFailed{Key: e.Run.Key()})
				return
			}
			k.step(claim.StartingAcked{Key: e.Run.Key()})
		})
	case claim.Exec:
		decided := k.mono()
		p := &process{r: e.Run}
		k.running[e.Run.Key()] = p
		k.w.aboutToStart(k.node)
		k.after(k.w.upTo(time.Millisecond), func() { k.execute(p, decided) })
	case claim.Kill:
		if p := k.running[e.Key]; p != nil {
			k.after(k.w.upTo(50*time.Millisecond), func() { k.ended(p, run.Outcome{State: run.StateCancelled, ExitCode: -1}) })
		}
	case claim.SendFinished, claim.SendReturned, claim.SendDropped:
		ev, r, _ := k.author().Report(e, k.wall())
		k.last(ev, r)
	}
}

// report writes one event. An error may hide that it was written.
func (k *worker) report(ev run.Event, shard int32, done func(error)) {
	k.w.trace(k.name, ev.Job, ev.Run, "sends %s attempt %d fence %d %s", ev.Type, ev.Attempt, ev.Fence, ev.Reason)
	k.w.produce(k.node, k.w.partition("events", shard), record{key: ev.Job, value: ev}, done)
}

// last writes the last event about a run until it is in the log.
func (k *worker) last(ev run.Event, r run.Run) {
	k.report(ev, r.Shard, func(err error) {
		if err != nil {
			k.after(reportRetry, func() { k.last(ev, r) })
			return
		}
		k.step(claim.Settled{Key: r.Key()})
	})
}

// execute looks at the beats once more and starts the command.
func (k *worker) execute(p *process, decided time.Duration) {
	now := k.mono()
	if refused := !claim.MayStart(now, decided, k.beaten, k.heard); refused && !k.w.mutant.NoLastLook {
		k.w.trace(k.name, p.r.Job, p.r.ID, "refuses to start fence %d", p.r.Fence)
		delete(k.running, p.r.Key())
		k.step(claim.Refused{Key: p.r.Key()})
		return
	}
	p.started = k.w.now
	k.w.trace(k.name, p.r.Job, p.r.ID, "STARTS attempt %d fence %d", p.r.Attempt, p.r.Fence)
	k.line(check.WordStart, &p.r, 0)
	length, exit := k.w.behaviour(&p.r)
	life := k.life
	if limit := p.r.Timeout; limit > 0 && length > limit && !k.w.mutant.NoTimeout {
		k.w.after(limit, func() { k.exit(p, life, run.Outcome{State: run.StateTimedOut, ExitCode: -1, Signal: "SIGTERM"}) })
		return
	}
	k.w.after(length, func() {
		if p.over {
			return
		}
		k.line(check.WordEnd, &p.r, exit)
		outcome := run.Outcome{State: run.StateSucceeded, ExitCode: exit}
		if exit != 0 {
			outcome.State = run.StateFailed
		}
		k.exit(p, life, outcome)
	})
}

// exit is the command's end; its worker hears of it if it is still there.
func (k *worker) exit(p *process, life int, outcome run.Outcome) {
	if p.over {
		return
	}
	p.over = true
	outcome.StartedAt, outcome.EndedAt = k.w.real(p.started), k.w.real(k.w.now)
	if k.life == life {
		k.after(0, func() { k.told(p, outcome) })
	}
}

// ended is exit for a command that its worker ends.
func (k *worker) ended(p *process, outcome run.Outcome) {
	if p.started == 0 {
		return // not yet started: the last look decides
	}
	k.exit(p, k.life, outcome)
}

func (k *worker) told(p *process, outcome run.Outcome) {
	delete(k.running, p.r.Key())
	k.w.trace(k.name, p.r.Job, p.r.ID, "fence %d ended: %s", p.r.Fence, outcome.State)
	k.step(claim.Exited{Key: p.r.Key(), Outcome: outcome})
}

func (k *worker) line(word string, r *run.Run, exit int) {
	k.w.lines = append(k.w.lines, check.Line{
		Word: word, Job: r.Job, Run: r.ID, Attempt: r.Attempt, Fence: r.Fence,
		Host: k.name, At: k.w.real(k.w.now), Exit: exit,
	})
}

package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// loop owns one shard for as long as it is its scheduler's: it takes it over,
// and again after every error.
type loop struct {
	s       *scheduler
	shard   int32
	wait    time.Duration
	stopped bool
	tenure  *tenure
}

func (l *loop) stop() {
	l.stopped = true
	if l.tenure != nil {
		l.tenure.close()
	}
}

func (l *loop) txn() *transactional {
	return l.s.w.transactional(fmt.Sprintf("scheduler.%d", l.shard), shardTimeout)
}

// own fences the last owner, commits a barrier, and reads the state up to it.
func (l *loop) own() {
	t := &tenure{loop: l, w: l.s.w}
	l.s.ask(l.txn().at, func(answer func(func())) {
		l.txn().init(func(epoch int) {
			answer(func() {
				if l.stopped {
					return
				}
				t.epoch = epoch
				barrier := record{key: topic.BarrierKey, value: l.s.incarnation}
				t.transact([]batchOf{{l.s.w.partition("state", l.shard), []record{barrier}}}, func(err error) {
					if err != nil || l.stopped {
						l.again(err)
						return
					}
					t.read("state", 0, t.load)
				})
			})
		})
	})
}

// again takes over anew after a pause.
func (l *loop) again(err error) {
	if l.tenure != nil {
		l.tenure.close()
		l.tenure = nil
	}
	if l.stopped {
		return
	}
	l.s.w.trace(l.s.name, "", "", "gave up shard %d: %v", l.shard, err)
	wait := l.wait
	l.wait = min(2*wait, lastRetry)
	l.s.after(wait, func() {
		if !l.stopped {
			l.own()
		}
	})
}

// tenure is one uninterrupted ownership of a shard.
type tenure struct {
	*loop
	w     *world
	epoch int
	core  *shard.Shard

	// done is how far the topics were read, saved what the last decision says
	// of that.
	done, saved offsets
	replayed    int64
	held        []batch
	readers     []*reader

	pending   *surveyed
	committed time.Duration
	busy      bool
	closed    bool
	wakeAt    time.Duration
	fences    map[run.ID]int64 // the latest of each run; kept for mutants only
}

// offsets are the shard record: how far the topics were read, and from where
// on the events are to be replayed.
type offsets struct{ jobs, commands, events, replay int64 }

type batch struct {
	inputs []shard.Input
	done   offsets
}

func (t *tenure) close() {
	t.closed = true
	for _, r := range t.readers {
		r.close()
	}
}

// read reads a topic of the shard from an offset up to its end as of now,
// waiting up to three seconds for transactions that are open.
func (t *tenure) read(name string, from int64, then func(recs []record, next int64)) {
	p := t.w.partition(name, t.shard)
	t.s.ask(p, func(answer func(func())) {
		end, since := p.high, t.w.now
		var look func()
		look = func() {
			if p.stable() < end && t.w.now-since < 3*time.Second {
				t.w.after(20*time.Millisecond, look)
				return
			}
			until := min(end, p.stable())
			var recs []record
			p.between(from, until, true, func(r *record) { recs = append(recs, *r) })
			t.w.after(t.w.upTo(t.w.loadTime()), func() {
				answer(func() {
					if !t.stopped {
						then(recs, until)
					}
				})
			})
		}
		look()
	})
}

func (t *tenure) load(recs []record, _ int64) {
	states, ours := map[string]shard.JobState{}, false
	for _, r := range recs {
		switch {
		case r.key == topic.BarrierKey:
			ours = r.value == t.s.incarnation
		case r.key == topic.ShardKey:
			t.done = r.value.(offsets)
		case r.value == nil:
			delete(states, r.key)
		default:
			states[r.key] = r.value.(shard.JobState)
		}
	}
	if !ours {
		t.again(errFenced)
		return
	}
	all := make([]shard.JobState, 0, len(states))
	for _, st := range states {
		// What is read off a real log is a copy: the core owns it.
		st.Active, st.Deferred = slices.Clone(st.Active), slices.Clone(st.Deferred)
		st.Recent, st.Requests = slices.Clone(st.Recent), slices.Clone(st.Requests)
		all = append(all, t.w.mutant.state(st, t.s.wall()))
	}
	slices.SortFunc(all, func(a, b shard.JobState) int { return strings.Compare(a.Job, b.Job) })
	t.core = shard.New(shard.Config{Shard: t.shard, By: t.s.name, Lead: t.w.cfg.Lead}, all)
	t.replay()
	t.saved, t.replayed = t.done, t.done.jobs
	t.read("jobs", 0, func(recs []record, next int64) {
		var inputs []shard.Input
		for i := range recs {
			inputs = append(inputs, t.input(&recs[i]))
		}
		t.done.jobs = max(t.done.jobs, next)
		t.tenure = t
		t.w.trace(t.s.name, "", "", "owns shard %d: %d jobs, %d unfinished runs", t.shard, len(all), t.core.Unfinished())
		t.step(append(inputs, shard.JobsLoaded{}), t.feed)
	})
}

// replay takes what the log of events says beyond the states. A transaction
// that is open hides nothing behind it.
func (t *tenure) replay() {
	p := t.w.partition("events", t.shard)
	if t.w.mutant.NoReplay {
		t.done.replay = p.high
	}
	p.between(t.done.replay, p.high, true, func(r *record) {
		t.core.Replay(run.Logged{Event: r.value.(run.Event), Offset: r.offset})
	})
	t.done.events = t.w.mutant.replayed(t, t.core.EndReplay(t.done.events, t.done.replay))
}

// feed follows the shard's topics from where the state says.
func (t *tenure) feed() {
	follow := func(name string, from int64, set func(*offsets, int64)) {
		t.readers = append(t.readers, t.w.partition(name, t.shard).follow(&reader{
			n: t.s.node, next: from, committed: !t.w.mutant.ReadUncommitted,
			deliver: func(recs []record, next int64) {
				b := batch{}
				set(&b.done, next)
				for i := range recs {
					if in := t.input(&recs[i]); in != nil {
						b.inputs = append(b.inputs, in)
					}
				}
				t.held = append(t.held, b)
				t.poke()
			},
		}))
	}
	follow("jobs", t.done.jobs, func(o *offsets, n int64) { o.jobs = n })
	follow("commands", t.done.commands, func(o *offsets, n int64) { o.commands = n })
	follow("events", t.done.events, func(o *offsets, n int64) { o.events = n })
}

func (t *tenure) input(r *record) shard.Input {
	switch v := r.value.(type) {
	case run.Request:
		return shard.Requested{Request: v}
	case run.Event:
		if !v.Type.FromWorker() {
			return nil
		}
		return shard.Reported{Event: v, Offset: r.offset}
	case definition:
		j := t.w.mutant.job(v.job)
		return shard.JobChanged{Name: r.key, Job: &j, AppliedAt: v.at, Replayed: r.offset < t.replayed}
	}
	return shard.JobChanged{Name: r.key, Replayed: r.offset < t.replayed}
}

// rest is until when no transaction is begun.
func (t *tenure) rest() time.Duration {
	if t.w.cfg.Lead < time.Second || t.committed == 0 {
		return t.w.now
	}
	return max(t.w.now, t.committed+commitEvery)
}

// poke sees that the loop steps when there is something to step for.
func (t *tenure) poke() {
	if t.busy || t.closed {
		return
	}
	at := t.rest()
	if !t.urgent() {
		wake, ok := t.core.Wake()
		if !ok {
			return
		}
		at = max(at, t.w.now+wake.Sub(t.s.wall()))
	}
	if t.wakeAt > t.w.now && t.wakeAt <= at {
		return
	}
	t.wakeAt = max(at, t.w.now+time.Microsecond)
	mine := t.wakeAt
	t.s.after(mine-t.w.now, func() {
		if t.closed || t.busy || t.wakeAt != mine {
			return
		}
		t.wakeAt = 0
		t.gathered()
	})
}

func (t *tenure) urgent() bool {
	if len(t.held) > 0 || t.surveyReady() {
		return true
	}
	wake, ok := t.core.Wake()
	return ok && !wake.After(t.s.wall())
}

// surveyReady reports whether the beats may be believed: every event before
// them was read.
func (t *tenure) surveyReady() bool {
	if t.pending == nil {
		return false
	}
	end := t.done.events
	for _, b := range t.held {
		end = max(end, b.done.events)
	}
	return end >= t.pending.end || t.w.mutant.IgnoreBarrier
}

func (t *tenure) gathered() {
	if !t.urgent() {
		t.poke()
		return
	}
	var inputs []shard.Input
	for _, b := range t.held {
		t.done.jobs = max(t.done.jobs, b.done.jobs)
		t.done.commands = max(t.done.commands, b.done.commands)
		t.done.events = max(t.done.events, b.done.events)
		inputs = append(inputs, b.inputs...)
	}
	t.held = nil
	inputs = append(inputs, shard.EventsRead{Next: t.done.events})
	if t.surveyReady() {
		inputs = append(inputs, shard.Beats{
			Workers: t.w.mutant.beats(t.pending.members), Deaf: t.pending.deaf, Asked: t.w.mutant.asked(t.pending.asked), Now: t.w.now,
		})
		t.pending = nil
	}
	t.step(inputs, func() {})
}

// step decides and commits until there is nothing more to decide.
func (t *tenure) step(inputs []shard.Input, then func()) {
	now := t.s.wall()
	effects := t.core.Step(t.w.mutant.inputs(t, inputs), now)
	t.w.mutant.effects(t, &effects)
	finish := func() {
		wake, ok := t.core.Wake()
		if ok && !wake.After(now) && !effects.Empty() {
			t.step(nil, then)
			return
		}
		t.busy = false
		then()
		t.poke()
	}
	t.busy = true
	if effects.Empty() && t.w.now-t.committed < leaseEvery {
		finish()
		return
	}
	t.transact(t.batches(effects), func(err error) {
		if err != nil || t.closed {
			t.again(err)
			return
		}
		t.saved = t.done
		finish()
	})
}

// batches lays the effects out as records, by partition.
func (t *tenure) batches(f shard.Effects) []batchOf {
	var all []batchOf
	add := func(p *partition, r record) {
		for i := range all {
			if all[i].p == p {
				all[i].recs = append(all[i].recs, r)
				return
			}
		}
		all = append(all, batchOf{p, []record{r}})
	}
	for _, q := range f.Enqueue {
		g := t.w.group(q.Run.Cluster, q.Queue)
		p := q.Partition
		if p == shard.AnyPartition || int(p) >= len(g.parts) {
			p = topic.Partition(string(q.Run.ID), int32(len(g.parts)))
		}
		add(g.parts[p].p, record{key: string(q.Run.ID), value: q.Run})
		t.w.trace(t.s.name, q.Run.Job, q.Run.ID, "enqueues attempt %d fence %d for %s on %s/%d", q.Run.Attempt, q.Run.Fence, clock(q.Run.NotBefore), g.topic, p)
	}
	events, state := t.w.partition("events", t.shard), t.w.partition("state", t.shard)
	for _, ev := range f.Events {
		add(events, record{key: ev.Job, value: ev})
		if ev.Type != run.EventEnqueued {
			t.w.trace(t.s.name, ev.Job, ev.Run, "decides %s attempt %d fence %d %s %s", ev.Type, ev.Attempt, ev.Fence, ev.State, ev.Reason)
		}
	}
	for _, c := range f.Control {
		add(t.w.control(c.Cluster), record{key: string(c.Run), value: c})
	}
	for _, d := range f.Dead {
		add(t.w.partition("dead", 0), record{key: string(d.Letter.Key), value: d.Letter})
	}
	for _, n := range f.Notices {
		add(t.w.partition("notices", 0), record{key: n.Job, value: n})
	}
	for _, st := range f.States {
		add(state, record{key: st.Job, value: st})
	}
	for _, name := range f.Forget {
		add(state, record{key: name})
	}
	if !f.Positioned() || t.done.jobs != t.saved.jobs || t.done.commands != t.saved.commands {
		t.done.replay = t.core.ReplayFrom()
		add(state, record{key: topic.ShardKey, value: t.done})
	}
	return all
}

// transact commits the batches in one transaction. Whoever gets no answer in
// time does not know what became of it.
func (t *tenure) transact(batches []batchOf, done func(error)) {
	t.committed = t.w.now
	answered := false
	once := func(err error) {
		if !answered {
			answered = true
			done(err)
		}
	}
	t.s.after(commitWait, func() { once(errUnknown) })
	saved := t.done
	t.s.ask(t.txn().at, func(answer func(func())) {
		t.txn().write(t.s.node, t.epoch, batches, func(err error) {
			answer(func() {
				if err != nil || answered {
					once(err)
					return
				}
				t.commit(saved, once)
			})
		})
	})
}

// commit asks for the end of the transaction. The request may be lost, or
// its answer.
func (t *tenure) commit(saved offsets, once func(error)) {
	lost := t.w.loses(t.s.node)
	if lost && t.w.coin() {
		t.w.trace(t.s.name, "", "", "shard %d: a commit never arrives", t.shard)
		return
	}
	t.s.ask(t.txn().at, func(answer func(func())) {
		t.txn().end(t.epoch, true, func(err error) {
			if err == nil {
				t.w.acted(t.shard, saved)
			}
			if lost {
				t.w.trace(t.s.name, "", "", "shard %d: committed, but nobody is told", t.shard)
				return
			}
			answer(func() { once(err) })
		})
	})
}

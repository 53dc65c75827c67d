package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/run"
)

// claimer takes runs off one queue, one transaction after another.
type claimer struct {
	k     *worker
	queue run.Queue

	session *session
	epoch   int
	owned   []*position
	// went: partitions were revoked since the last transaction ended.
	went    bool
	memory  claim.Memory
	busy    bool
	kicked  bool
	stopped bool
}

// position is a partition we own and where to go on in it.
type position struct {
	q      *groupPart
	reader *reader
	next   int64
	safe   int64 // up to here it is known to be committed
}

func (c *claimer) txn() *transactional {
	return c.k.w.transactional(fmt.Sprintf("worker.%s.%s", c.k.name, c.queue))
}

func (c *claimer) group() *group { return c.k.w.group(c.k.cluster, c.queue) }

// begin fences our own past, then joins the group.
func (c *claimer) begin() {
	if c.stopped {
		return
	}
	s := &session{c: c, n: c.k.node, life: c.k.life, name: fmt.Sprintf("%s#%d", c.k.name, c.k.w.serial())}
	c.session = s
	c.k.call(func(answer func(func())) {
		c.txn().init(func(epoch int) {
			answer(func() {
				c.epoch, c.busy = epoch, false
				c.memory = c.group().recall()
				c.k.call(func(func(func())) { c.group().join(s) })
			})
		})
	})
}

// close forgets what we own; the coordinator finds out by itself.
func (c *claimer) close() {
	for _, p := range c.owned {
		p.reader.close()
	}
	c.owned = nil
}

// stop leaves the group.
func (c *claimer) stop() {
	c.stopped = true
	c.leave()
}

func (c *claimer) leave() {
	c.close()
	if s := c.session; s != nil {
		s.left = true
		c.k.call(func(func(func())) { s.c.group().remove(s) })
	}
}

// restart begins a new session after an error that leaves things open.
func (c *claimer) restart() {
	c.leave()
	c.busy = true
	c.k.after(sessionRetry, c.begin)
}

// expelled joins anew once the coordinator no longer knows the session.
func (c *claimer) expelled(s *session) {
	switch {
	case s != c.session || s.left || c.stopped:
	case c.busy:
		c.k.after(sessionRetry, func() { c.expelled(s) })
	default:
		c.restart()
	}
}

func (c *claimer) partitions() []int32 {
	var all []int32
	for _, p := range c.owned {
		all = append(all, p.q.p.id)
	}
	slices.Sort(all)
	return all
}

func (c *claimer) assigned(s *session, q *groupPart, next int64) {
	if s != c.session || s.left {
		return
	}
	c.forget(q)
	pos := &position{q: q, next: next, safe: next}
	committed := !c.k.w.mutant.ClaimUncommitted
	pos.reader = q.p.follow(&reader{n: c.k.node, next: next, committed: committed, deliver: func([]record, int64) { c.kick() }})
	c.owned = append(c.owned, pos)
	c.k.beat()
	c.kick()
}

func (c *claimer) revoked(s *session, q *groupPart) {
	if s != c.session {
		return
	}
	c.went = true
	c.forget(q)
	c.k.beat()
}

func (c *claimer) forget(q *groupPart) {
	c.owned = slices.DeleteFunc(c.owned, func(p *position) bool {
		if p.q == q {
			p.reader.close()
		}
		return p.q == q
	})
}

// kick looks soon whether there is something to claim.
func (c *claimer) kick() {
	if c.kicked || c.busy || c.stopped || len(c.owned) == 0 || !c.available() {
		return
	}
	c.kicked = true
	c.k.after(c.k.w.upTo(2*time.Millisecond), func() {
		c.kicked = false
		if !c.busy && !c.stopped {
			c.claim()
		}
	})
}

// comeRound is what a claimer without anything to do does all the time.
func (c *claimer) comeRound() {
	if !c.busy && !c.stopped {
		c.k.st.Limit(c.queue, c.k.now())
	}
}

func (c *claimer) available() bool {
	for _, p := range c.owned {
		if p.next < p.reader.next {
			return true
		}
	}
	return false
}

// poll takes up to limit records, and says how far that is in each partition.
func (c *claimer) poll(limit int) ([]claim.Polled, []offsetCommit) {
	var runs []claim.Polled
	var offsets []offsetCommit
	for _, p := range c.owned {
		if len(runs) >= limit || p.next >= p.reader.next {
			continue
		}
		next := p.reader.next
		p.q.p.between(p.next, p.reader.next, p.reader.committed, func(r *record) {
			if len(runs) >= limit {
				next = min(next, r.offset)
				return
			}
			polled := claim.Polled{Run: r.value.(run.Run), Doubted: c.memory.Doubts(p.q.p.id, r.offset)}
			runs = append(runs, c.k.w.mutant.polled(polled, c.k.wall()))
		})
		p.next = next
		offsets = append(offsets, offsetCommit{p.q, next})
	}
	return runs, offsets
}

// claim ends one transaction over what was polled: the events together with
// the offsets.
func (c *claimer) claim() {
	k := c.k
	limit := k.st.Limit(c.queue, k.now())
	if limit == 0 {
		// Asked again with the next input; time alone is asked for here.
		k.after(100*time.Millisecond, c.kick)
		return
	}
	runs, offsets := c.poll(limit)
	if len(runs) == 0 {
		return
	}
	said := k.st.Decide(c.queue, runs, k.now())
	k.lookUpControl()
	var batches []batchOf
	for i, verdict := range said.Verdicts {
		r := &runs[i].Run
		verdict.Number = k.w.mutant.number(verdict.Number)
		ev, ok := k.author().Decided(verdict, r, k.seq, k.wall())
		if !ok {
			continue
		}
		k.w.trace(k.name, r.Job, r.ID, "polls fence %d: %s %s, confirm %t", r.Fence, ev.Type, ev.Reason, ev.Confirm)
		batches = append(batches, batchOf{k.w.partition("events", r.Shard), []record{{key: r.Job, value: ev}}})
	}
	c.busy, c.went = true, false
	c.transact(merge(batches), offsets, func(committed bool, err error) {
		c.busy = false
		in := claim.Input(claim.Claimed{Queue: said.Queue, Number: said.Number})
		if !committed {
			in = claim.Unclaimed{Queue: said.Queue, Number: said.Number}
			c.lose(runs, err)
		}
		switch {
		case committed:
			for _, p := range c.owned {
				p.safe = p.next
				c.memory.Claimed(p.q.p.id, p.next)
			}
		case err == nil:
			c.rewind()
		}
		k.step(in)
		if err != nil {
			c.restart()
			return
		}
		c.kick()
	})
}

// lose notes runs whose claim was not committed.
func (c *claimer) lose(runs []claim.Polled, err error) {
	for i := range runs {
		r := &runs[i].Run
		c.k.w.trace(c.k.name, r.Job, r.ID, "fence %d is not ours: %v", r.Fence, err)
	}
}

// merge joins batches for one partition.
func merge(batches []batchOf) []batchOf {
	var all []batchOf
	for _, b := range batches {
		i := slices.IndexFunc(all, func(o batchOf) bool { return o.p == b.p })
		if i < 0 {
			all = append(all, b)
			continue
		}
		all[i].recs = append(all[i].recs, b.recs...)
	}
	return all
}

// rewind goes back to what is committed; a session that is no member any
// more begins anew.
func (c *claimer) rewind() {
	if c.session.gone {
		c.restart()
		return
	}
	for _, p := range c.owned {
		p.next = p.safe
	}
}

// transact produces, adds the offsets, and ends. A member whose partitions
// went meanwhile aborts.
func (c *claimer) transact(batches []batchOf, offsets []offsetCommit, done func(bool, error)) {
	answered := false
	once := func(ok bool, err error) {
		if !answered {
			answered = true
			done(ok, err)
		}
	}
	s, epoch, id := c.session, c.epoch, c.txn()
	c.k.after(transactionTimeout, func() { once(false, errUnknown) })
	lost := c.k.w.loses(c.k.node)
	c.k.call(func(answer func(func())) {
		id.write(epoch, batches, func(err error) {
			answer(func() {
				switch {
				case err != nil:
					once(false, err)
				case lost && c.k.w.coin():
					c.k.w.trace(c.k.name, "", "", "the end of a claim never arrives")
				default:
					c.end(s, id, epoch, offsets, lost, once)
				}
			})
		})
	})
}

func (c *claimer) end(s *session, id *transactional, epoch int, offsets []offsetCommit, lost bool, once func(bool, error)) {
	commit := !c.went
	c.k.call(func(answer func(func())) {
		if commit && epoch == id.epoch {
			commit = c.addOffsets(s, id, offsets)
		}
		id.end(epoch, commit, func(err error) {
			if lost {
				c.k.w.trace(c.k.name, "", "", "a claim ended, but nobody is told")
				return
			}
			answer(func() { once(commit && err == nil, err) })
		})
	})
}

// addOffsets makes the offsets part of the open transaction, unless the
// session no longer owns the partitions.
func (c *claimer) addOffsets(s *session, id *transactional, offsets []offsetCommit) bool {
	for _, o := range offsets {
		if s.gone || o.q.owner != s {
			return false
		}
	}
	if id.cur == nil || id.cur.state != txnOpen {
		return false
	}
	if c.k.w.mutant.ClaimWithoutOffsets {
		return true
	}
	id.cur.offsets = append(id.cur.offsets, offsets...)
	for _, o := range offsets {
		o.q.pending = append(o.q.pending, id.cur)
	}
	return true
}

package sim

import (
	"errors"
	"time"
)

type txnState string

// The states of a transaction as the coordinator has decided it.
const (
	txnOpen      txnState = "open"
	txnCommitted txnState = "committed"
	txnAborted   txnState = "aborted"
)

// shardTimeout and claimTimeout are after how long the coordinator aborts a
// transaction that its producer has left open, and commitWait how long a
// scheduler waits for one: less than in earnest, where what is lost is sent
// again, so that owners whose transactions end they know not how go on at once.
const (
	shardTimeout = 60 * time.Second
	claimTimeout = 15 * time.Second
	commitWait   = 12 * time.Second
)

var (
	errFenced  = errors.New("fenced by a newer producer")
	errUnknown = errors.New("no answer: the outcome is unknown")
)

// transaction is one of a transactional ID. Its markers reach the partitions
// it wrote to one after the other, in any order.
type transaction struct {
	id      *transactional
	epoch   int
	state   txnState
	parts   []*partition
	left    int
	offsets []offsetCommit
}

type offsetCommit struct {
	q    *groupPart
	next int64
}

// transactional is a transactional ID at its coordinator.
type transactional struct {
	w       *world
	name    string
	at      *partition // where its coordinator keeps it
	timeout time.Duration
	epoch   int
	cur     *transaction // open, or its markers are being written
	wait    []func()     // to be done once there is none
}

func (w *world) transactional(name string, timeout time.Duration) *transactional {
	t := w.txns[name]
	if t == nil {
		t = &transactional{w: w, name: name, timeout: timeout, at: w.coordinator(name)}
		w.txns[name] = t
	}
	return t
}

// init fences all earlier producers of the ID, aborts what they left open,
// and answers with the new epoch once that is done.
func (t *transactional) init(answer func(epoch int)) {
	if t.w.mutant.NoFencing {
		answer(t.epoch)
		return
	}
	t.epoch++
	epoch := t.epoch
	if t.cur != nil && t.cur.state == txnOpen {
		t.decide(t.cur, txnAborted)
	}
	t.whenIdle(func() { answer(epoch) })
}

func (t *transactional) whenIdle(do func()) {
	if t.cur == nil {
		do()
		return
	}
	t.wait = append(t.wait, do)
}

// write appends a batch to each partition inside the epoch's transaction,
// and answers once all are replicated.
func (t *transactional) write(n *node, epoch int, batches []batchOf, answer func(error)) {
	if epoch != t.epoch {
		answer(errFenced)
		return
	}
	if t.cur != nil && t.cur.state != txnOpen {
		t.whenIdle(func() { t.write(n, epoch, batches, answer) })
		return
	}
	if t.cur == nil {
		t.begin(epoch)
	}
	left, txn := len(batches), t.cur
	for _, b := range batches {
		txn.parts = append(txn.parts, b.p)
		t.w.whenReached(n, b.p, func() {
			if txn.state != txnOpen {
				answer(errFenced)
				return
			}
			b.p.append(txn, false, func() {
				if left--; left == 0 {
					answer(nil)
				}
			}, b.recs...)
		})
	}
	if left == 0 {
		answer(nil)
	}
}

type batchOf struct {
	p    *partition
	recs []record
}

func (t *transactional) begin(epoch int) {
	txn := &transaction{id: t, epoch: epoch, state: txnOpen}
	t.cur = txn
	t.w.after(t.timeout, func() {
		if txn.state == txnOpen {
			t.epoch++
			t.decide(txn, txnAborted)
		}
	})
}

// end commits or aborts the epoch's transaction, and answers as soon as that
// is decided, which takes all replicas of the coordinator's partition; the markers
// follow.
func (t *transactional) end(epoch int, commit bool, answer func(error)) {
	t.at.append(nil, false, func() { t.ended(epoch, commit, answer) })
}

func (t *transactional) ended(epoch int, commit bool, answer func(error)) {
	if epoch != t.epoch {
		answer(errFenced)
		return
	}
	if t.cur != nil && t.cur.state == txnOpen {
		state := txnAborted
		if commit {
			state = txnCommitted
		}
		t.decide(t.cur, state)
	}
	answer(nil)
}

func (t *transactional) decide(txn *transaction, state txnState) {
	txn.state = state
	txn.left = len(txn.parts) + 1
	for _, p := range txn.parts {
		t.w.after(t.w.markerDelay(), func() {
			t.w.whenReached(nil, p, func() { p.append(txn, true, func() { t.marked(txn) }, record{}) })
		})
	}
	t.w.after(t.w.markerDelay(), func() {
		for _, o := range txn.offsets {
			o.q.resolve(txn, o.next)
		}
		t.marked(txn)
	})
}

func (t *transactional) marked(txn *transaction) {
	if txn.left--; txn.left > 0 || t.cur != txn {
		return
	}
	t.cur = nil
	waiting := t.wait
	t.wait = nil
	for _, do := range waiting {
		t.whenIdle(do)
	}
}
